import { execa } from 'execa';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Drayage } from '../rig/drayage.ts';
import { tgtadm } from '../rig/tgtd.ts';
import { fault } from './row.ts';

const part = 'F2 Faults of host and storage';
const setup = 'one worker, own tgtd';
const impatient = { patienceSeconds: 3 };

/** The account of the one target that is there, by tgtd. */
async function accountOf(rig: Drayage): Promise<{ tid: string; user: string }> {
  const shown = await tgtadm(rig.controlPort, '--mode', 'target', '--op', 'show');
  const tid = /^Target (\d+):/m.exec(shown)?.[1] ?? '';
  return { tid, user: /dray-[0-9a-f]{16}/.exec(shown)?.[0] ?? '' };
}

fault(
  {
    part,
    done: 'CHAP secret changed at tgtd; the account then removed, so that Drayage makes it anew',
    step: 'destination.connectVolume',
    setup,
    expected: 'parked LoginRefused, decided retry, then completed',
  },
  async (rig) => {
    const step = 'destination.connectVolume';
    await rig.gates.close(step, 'before');
    const copy = await rig.startCopy();
    await rig.gates.reached(step, 'before');
    const { tid, user } = await accountOf(rig);
    const account = (...args: string[]) =>
      tgtadm(rig.controlPort, '--mode', 'account', '--op', ...args, '--user', user);
    await account('delete');
    await account('new', '--password', 'wrong-secret-1234');
    await account('bind', '--tid', tid);
    await rig.gates.open(step, 'before');
    const parked = await copy.parked(step);
    await account('delete');
    await copy.decide(parked, 'retry');
    return copy.ending();
  },
);

fault(
  {
    part,
    done: 'target down, up again before the decision',
    step: 'destination.connectVolume',
    setup: 'one worker, foreign tgtd, patience 3 s',
    expected: 'parked TargetUnreachable, decided retry, then completed',
  },
  async (rig) => {
    const step = 'destination.connectVolume';
    await rig.gates.close(step, 'before');
    const copy = await rig.startCopy();
    await rig.gates.reached(step, 'before');
    await rig.tgtd!.kill();
    await rig.gates.open(step, 'before');
    const parked = await copy.parked(step);
    await rig.tgtd!.restart();
    await copy.decide(parked, 'retry');
    return copy.ending();
  },
  { tgtd: 'foreign', limits: impatient },
);

/** A file system of its own that is too small for both volumes. */
async function smallStorage(): Promise<string> {
  const storage = await mkdtemp(join(tmpdir(), 'dray-small-'));
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=44m', 'tmpfs', storage]);
  return storage;
}
for (const decision of ['retry', 'roll-back'] as const) {
  fault(
    {
      part,
      done: `destination full${decision === 'retry' ? ', room made before the decision' : ''}`,
      step: 'copyData',
      setup: 'one worker, own tgtd, storage of 44 MiB for 2 × 32 MiB',
      expected:
        decision === 'retry'
          ? /^parked (DestinationFull|CopyStalled), decided retry, then completed$/
          : /^parked (DestinationFull|CopyStalled), decided roll-back, then failed \w+$/,
    },
    async (rig) => {
      rig.undo(async () => {
        await execa('umount', ['--lazy', rig.storage]);
        await rm(rig.storage, { recursive: true });
      });
      const copy = await rig.startCopy();
      const parked = await copy.parked('copyData');
      if (decision === 'retry') {
        await execa('mount', ['-o', 'remount,size=100m', rig.storage]);
      }
      await copy.decide(parked, decision);
      return copy.ending();
    },
    async () => ({ storage: await smallStorage(), limits: impatient }),
  );
}

/** A disk whose last third cannot be read: the file behind a loop device is cut. */
async function badDisk(): Promise<{ device: string; undo: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'dray-bad-'));
  const file = join(directory, 'disk');
  await writeFile(file, Buffer.alloc(32 * 2 ** 20, 3));
  const { stdout: device } = await execa('losetup', ['--find', '--show', file]);
  await truncate(file, 20 * 2 ** 20);
  const undo = async () => {
    await execa('losetup', ['--detach', device]);
    await rm(directory, { recursive: true });
  };
  return { device, undo };
}
let disk: Awaited<ReturnType<typeof badDisk>>;
fault(
  {
    part,
    done: 'source read error from 20 MiB on',
    step: 'copyData',
    setup: 'one worker, own tgtd over a disk with bad sectors',
    expected: /^parked (SourceUnreadable|CopyStalled), decided roll-back, then failed \w+$/,
  },
  async (rig) => {
    rig.undo(disk.undo);
    const copy = await rig.startCopy({}, { source: rig.volume('bad') });
    await copy.decide(await copy.parked(), 'roll-back');
    return copy.ending();
  },
  async () => {
    disk = await badDisk();
    return { devices: { bad: disk.device }, limits: impatient };
  },
);

/** A folder of all programs but some, as PATH. */
function pathWithout(directory: string, missing: string[]): Record<string, string> {
  const folder = join(directory, 'programs');
  mkdirSync(folder);
  for (const from of ['/usr/local/sbin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']) {
    for (const name of readdirSync(from)) {
      if (missing.includes(name)) continue;
      try {
        symlinkSync(join(from, name), join(folder, name));
      } catch {
        // The first folder of a PATH wins.
      }
    }
  }
  return { PATH: folder };
}
fault(
  {
    part,
    done: 'dd not installed',
    step: 'destination.connectVolume',
    setup,
    expected: 'parked ToolMissing, decided roll-back, then failed ToolMissing',
    untouched: true,
  },
  async (rig) => {
    const copy = await rig.startCopy();
    await copy.decide(await copy.parked(), 'roll-back');
    return copy.ending();
  },
  { env: (directory) => pathWithout(directory, ['dd']) },
);

/** Words that give a program a /dev of its own without the FUSE device. */
function withoutFuse(directory: string): string[] {
  const script = join(directory, 'without-fuse');
  const nodes = 'null zero full random urandom tty fd stdin stdout stderr';
  const lines = [
    '#!/bin/sh -e',
    `mkdir ${directory}/dev`,
    `mount -t tmpfs tmpfs ${directory}/dev`,
    `for node in ${nodes}; do cp -a /dev/$node ${directory}/dev/; done`,
    `mount --bind ${directory}/dev /dev`,
    `umount ${directory}/dev`,
    'exec "$@"',
  ];
  writeFileSync(script, `${lines.join('\n')}\n`, { mode: 0o755 });
  return ['unshare', '--mount', script];
}
fault(
  {
    part,
    done: 'FUSE device missing',
    step: 'destination.createExport',
    setup,
    expected: 'parked ProtocolUnavailable, decided roll-back, then failed ProtocolUnavailable',
    untouched: true,
  },
  async (rig) => {
    const copy = await rig.startCopy();
    await copy.decide(await copy.parked(), 'roll-back');
    return copy.ending();
  },
  { wrapper: withoutFuse },
);

fault(
  {
    part,
    done: 'state directory read-only, writable again before the decision',
    step: 'destination.connectVolume',
    setup,
    expected: 'parked StateUnwritable, decided retry, then completed',
  },
  async (rig) => {
    await execa('mount', ['--bind', rig.state, rig.state]);
    await execa('mount', ['-o', 'remount,ro,bind', rig.state]);
    const copy = await rig.startCopy();
    const parked = await copy.parked();
    await execa('mount', ['-o', 'remount,rw,bind', rig.state]);
    await copy.decide(parked, 'retry');
    const ending = await copy.ending();
    await execa('umount', [rig.state]);
    return ending;
  },
);
