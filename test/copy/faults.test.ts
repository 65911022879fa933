import { spawn } from 'node:child_process';
import { mkdir, stat, truncate, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../contract/attachment.ts';
import { DEFAULT_LIMITS, STALL_ATTEMPTS } from '../../contract/limits.ts';
import { runCopy } from '../../copy/copier.ts';
import { openForCopy } from '../../copy/ends.ts';
import { ddEngine } from '../../copy/engines/dd.ts';
import { directEngine } from '../../copy/engines/direct.ts';
import { fileEngine } from '../../copy/engines/file.ts';
import { explainFailure } from '../../copy/failure.ts';
import { takeLease } from '../../copy/lease.ts';
import { copierStarter } from '../../copy/start-copier.ts';
import { runVerify } from '../../copy/verify.ts';
import { exec, MIB, Rig, UNGUIDED, VOLUMES } from './rig.ts';

const ENGINES = { dd: ddEngine, direct: directEngine, file: fileEngine };

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

/** A file behind a FUSE mount, served by a process that tests can kill. */
async function fuse(file: Device): Promise<Device & { kill(): Promise<void>; hang(): void }> {
  const path = rig.path('mount');
  await writeFile(path, '');
  const daemon = spawn(
    'qemu-storage-daemon',
    [
      ...['--blockdev', `driver=file,node-name=f,filename=${file.path}`],
      ...['--export', `type=fuse,id=e,node-name=f,mountpoint=${path},writable=on`],
    ],
    { stdio: 'ignore' },
  );
  const kill = async (): Promise<void> => {
    daemon.kill('SIGKILL');
    while (daemon.exitCode === null && daemon.signalCode === null) await sleep(5);
  };
  rig.undo(async () => {
    await kill();
    await exec('umount', ['-l', path]).catch(() => undefined);
  });
  while ((await stat(path)).size !== file.sizeBytes) await sleep(10);
  return { ...file, path, kill, hang: () => void daemon.kill('SIGSTOP') };
}

async function tinyFilesystem(): Promise<string> {
  const path = rig.path('tiny');
  await mkdir(path);
  await exec('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', path]);
  rig.undo(() => exec('umount', [path]));
  return path;
}

describe.each(['dd', 'direct', 'file'] as const)('engine %s', (engine) => {
  it('a destination without space: DestinationFull', async () => {
    const source = await rig.file('a', 6 * MIB);
    const path = `${await tinyFilesystem()}/b`;
    await writeFile(path, '');
    await truncate(path, 6 * MIB);
    const ends = { source, destination: { ...source, path } };
    const plan = await rig.plan(ends, { engine });
    await expect(runCopy(rig.run(plan, ends))).rejects.toMatchObject({ code: 'DestinationFull' });
  });

  it('a source with a place that cannot be read: SourceUnreadable', async () => {
    const file = await rig.file('a', 6 * MIB);
    const ends = { source: await rig.loop(file), destination: await rig.file('b', 6 * MIB, 0) };
    const plan = await rig.plan(ends, { engine });
    // A loop device answers EIO behind the end of its file and keeps its own size.
    await truncate(file.path, 3 * MIB);
    await exec('blockdev', ['--flushbufs', ends.source.path]);
    const error: unknown = await runCopy(rig.run(plan, ends)).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'SourceUnreadable' });
    expect(String(error)).toMatch(/Input\/output error|EIO/);
  });

  it('an end that died: DeviceLost, and the file beneath it stays as it was', async () => {
    const source = await rig.file('a', 8 * MIB);
    const mount = await fuse(await rig.file('b', 8 * MIB, 0));
    const ends = { source, destination: { ...mount, accessMode: 'rw' as const } };
    const options = { engine, bytesPerSecond: 4 * MIB };
    const plan = await rig.plan(ends, options);
    expect(plan.throttle.value).toMatch(/paced|cgroup/);
    const run = rig.run({ ...plan, throttle: { value: 'paced', because: 'test' } }, ends);
    run.onProgress = (progress) => {
      if (progress.bytesFlushed >= MIB) void mount.kill();
    };
    const lost = { code: 'DeviceLost', params: { role: 'destination' } };
    await expect(runCopy(run)).rejects.toMatchObject(lost);
    await exec('umount', ['-l', mount.path]);
    await expect(runCopy(rig.run(plan, ends))).rejects.toMatchObject(lost);
    expect((await stat(mount.path)).size).toBe(0);
  });

  it('a destination that answers nothing ends the attempt, which never waits for ever', async () => {
    const source = await rig.file('a', 8 * MIB);
    const mount = await fuse(await rig.file('b', 8 * MIB, 0));
    const ends = { source, destination: mount };
    const plan = await rig.plan(ends, { engine });
    const limits = { ...DEFAULT_LIMITS, patienceSeconds: 0.5 };
    mount.hang();
    const lost = { code: 'DeviceLost', params: { role: 'destination' } };
    await expect(runCopy(rig.run(plan, ends, { limits }))).rejects.toMatchObject(lost);
  }, 60_000);

  it('a source that ends early is no copy, though the program ends well', async () => {
    const ends = {
      source: await rig.file('a', MIB + 512),
      destination: await rig.file('b', 4 * MIB, 0),
    };
    const plan = await rig.plan(ends, { engine });
    const lease = await takeLease(rig.state, VOLUMES.destination, 'copy-1', 'attempt');
    const open = await openForCopy(ends, VOLUMES);
    rig.undo(() => open.close());
    const range = { offset: 0, length: 4 * MIB };
    const outcome = await ENGINES[engine].copyRange(range, {
      plan,
      touched: [],
      guidance: UNGUIDED,
      start: copierStarter(lease, open),
      signal: new AbortController().signal,
      report: {
        submitted: () => undefined,
        flushed: () => Promise.resolve(),
        notice: () => undefined,
      },
    });
    expect(outcome.flushed).toBe(false);
    const context = { volume: 'file:to', ends, plan, range };
    const error = await explainFailure(outcome, { ...context, tool: engine });
    if (engine === 'direct') {
      expect(error).toMatchObject({ code: 'SourceUnreadable' });
      expect(error.message).toContain(`ends at ${MIB + 512}`);
      return;
    }
    expect(outcome).toMatchObject({ moved: MIB + 512, exit: { status: 0 } });
    expect(error).toMatchObject({ code: 'ShortCopy', params: { moved: MIB + 512 } });
  });
});

it('a destination that refuses to be written: DestinationUnwritable', async () => {
  const source = await rig.file('a', 6 * MIB);
  const path = `${await tinyFilesystem()}/b`;
  await writeFile(path, '');
  await truncate(path, 6 * MIB);
  // What its file has no space for, a loop device answers with EIO when it is flushed.
  const { stdout } = await exec('losetup', ['--find', '--show', path]);
  rig.undo(() => exec('losetup', ['-d', stdout.trim()]));
  const ends = { source, destination: { ...source, path: stdout.trim() } };
  const plan = await rig.plan(ends, { engine: 'file' });
  const error: unknown = await runCopy(rig.run(plan, ends)).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'DestinationUnwritable' });
  expect(String(error)).toMatch(/Input\/output error|EIO/);
});

it('a block device that somebody else claims: DeviceBusy, and nothing is written', async () => {
  const source = await rig.file('a', 8 * MIB);
  const file = await rig.file('b', 8 * MIB, 0xaa);
  const destination = await rig.loop(file);
  await exec('mkfs.ext4', ['-q', '-F', destination.path]);
  await mkdir(rig.path('mnt'));
  await exec('mount', [destination.path, rig.path('mnt')]);
  rig.undo(() => exec('umount', [rig.path('mnt')]));
  const ends = { source, destination };
  const plan = await rig.plan(ends);
  await expect(runCopy(rig.run(plan, ends))).rejects.toMatchObject({ code: 'DeviceBusy' });
}, 20_000);

it('verify of an end that died is DeviceLost, not a difference', async () => {
  const source = await rig.file('a', 4 * MIB);
  const mount = await fuse(await rig.file('b', 4 * MIB, 0));
  const ends = { source, destination: mount };
  const plan = await rig.plan(ends);
  await runCopy(rig.run(plan, ends));
  const dying = runVerify(rig.verify(plan, ends, { onProgress: () => void mount.kill() }));
  await expect(dying).rejects.toMatchObject({ code: 'DeviceLost' });
});

describe('verify of ends that cannot be read', () => {
  /** Loop devices over files that are cut: behind the cut every read answers EIO. */
  async function cutAt(...cuts: number[]) {
    const devices: Device[] = [];
    const cutters: (() => Promise<void>)[] = [];
    for (const [i, cut] of cuts.entries()) {
      const file = await rig.file(`cut${i}`, 4 * MIB, 7);
      const device = await rig.loop(file);
      devices.push(device);
      cutters.push(async () => {
        await truncate(file.path, cut);
        await exec('blockdev', ['--flushbufs', device.path]);
      });
    }
    const [source, destination] = devices as [Device, Device];
    const ends = { source, destination };
    const plan = await rig.plan(ends);
    await runCopy(rig.run(plan, ends));
    const run = rig.verify(plan, ends);
    for (const cutNow of cutters) await cutNow();
    return run;
  }

  it('at the same place on both sides it is an error, never equal', async () => {
    const run = await cutAt(2 * MIB, 2 * MIB);
    await expect(runVerify(run)).rejects.toMatchObject({ code: 'SourceUnreadable' });
  });

  it('names the destination, and is parked after enough attempts without a byte', async () => {
    const run = await cutAt(4 * MIB, 2 * MIB);
    const unreadable = { code: 'DestinationUnreadable', class: 'retry' };
    await expect(runVerify(run)).rejects.toMatchObject(unreadable);
    const limits = { ...run.limits, patienceSeconds: 0 };
    for (let attempt = 2; attempt <= STALL_ATTEMPTS; attempt += 1) {
      await expect(runVerify({ ...run, limits })).rejects.toMatchObject(unreadable);
    }
    await expect(runVerify({ ...run, limits })).rejects.toMatchObject({
      code: 'VerifyStalled',
      class: 'operator',
    });
  });
});
