import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VolumeRoot } from '../../../storage/volume-root/volume-root.ts';
import { tgtadm } from '../../rig/tgtd.ts';
import { attachmentOf, BACKEND, makeWorkbench, MIB, properties } from '../workbench.ts';
import { connectLive, inquire, iscsiData, serialLine } from './initiator.ts';
import { attach, makeTgtBench, type TgtBench } from './tgt-bench.ts';

const WITHIN = { timeout: 20_000, interval: 100 };

describe('exports on a tgtd that is killed', () => {
  let it_: TgtBench;
  const shown = () => tgtadm(it_.tgtd.controlPort, '--mode', 'target', '--op', 'show');
  const accounts = () => tgtadm(it_.tgtd.controlPort, '--mode', 'account', '--op', 'show');
  beforeEach(async () => {
    it_ = await makeTgtBench();
  });
  afterEach(() => it_.remove());

  it('come back with the same credentials and serial, under a client that stays', async () => {
    const { bench, backend, tgtd } = it_;
    const { attachment, data, exported } = await attach(backend, 'disk1');
    const client = await connectLive(bench.directory, data, false);
    expect(await client.io('write -P 1 0 4096')).toContain('wrote 4096/4096');
    await tgtd.restart();
    expect(await client.io('write -P 2 4096 4096', 40)).toContain('wrote 4096/4096');
    expect(await client.io('read -P 1 0 4096')).not.toContain('failed');
    await client.end();
    expect((await inquire(data)).stdout.trim()).toBe(serialLine(exported.serial!));
    expect(iscsiData(await backend.initializeConnection(attachment, properties))).toEqual(data);
    expect(await shown()).toContain('Backing store type: rdwr');
  });

  it('are answered with a retry while it is away, and made by the repeat', async () => {
    const { backend, tgtd } = it_;
    await backend.createVolume('disk1', MIB);
    const attachment = attachmentOf('disk1', 'one');
    await tgtd.kill();
    const away = { code: 'BackendUnavailable', class: 'retry' };
    await expect(backend.createExport(attachment, properties)).rejects.toMatchObject(away);
    await expect(backend.initializeConnection(attachment, properties)).rejects.toMatchObject(away);
    await expect(backend.terminateConnection(attachment, properties, true)).rejects.toMatchObject(
      away,
    );
    await expect(backend.removeExport(attachment)).rejects.toMatchObject(away);
    await tgtd.restart();
    await backend.createExport(attachment, properties);
    const data = iscsiData(await backend.initializeConnection(attachment, properties));
    expect((await inquire(data)).status).toBe(0);
    await tgtd.kill();
    // Not proven, hence not answered; remembered all the same.
    await expect(backend.revokeAccess(attachment, properties)).rejects.toMatchObject(away);
    await tgtd.restart();
    await expect.poll(shown, WITHIN).toContain(data.target_iqn);
    expect((await inquire(data)).status).toBe(10);
  });

  it('are answered with a retry while it is frozen, too', async () => {
    const { backend, tgtd } = it_;
    const { attachment, data } = await attach(backend, 'disk1');
    process.kill(tgtd.pid, 'SIGSTOP');
    try {
      await expect(backend.terminateConnection(attachment, properties, true)).rejects.toMatchObject(
        { code: 'BackendUnavailable', class: 'retry' },
      );
    } finally {
      process.kill(tgtd.pid, 'SIGCONT');
    }
    expect((await inquire(data)).status).toBe(0);
    expect(await backend.terminateConnection(attachment, properties, true)).toBe('done');
  });

  it('are restored without access after it was taken away', async () => {
    const { backend, tgtd } = it_;
    const { attachment, data } = await attach(backend, 'disk1');
    await backend.terminateConnection(attachment, properties, false);
    await tgtd.restart();
    await expect.poll(shown, WITHIN).toContain(data.target_iqn);
    expect((await inquire(data)).status).toBe(10);
    expect(await accounts()).not.toContain(data.auth_username);
  });

  it('are restored from every half that a crash can leave', async () => {
    const { backend, tgtd } = it_;
    const { data, exported } = await attach(backend, 'disk1');
    const serial = serialLine(exported.serial!);
    const tid = /^Target (\d+)/.exec(await shown())![1]!;
    const spoil = (...args: string[]) => tgtadm(tgtd.controlPort, ...args, '--tid', tid);
    const halves = [
      ['--mode', 'target', '--op', 'unbind', '--initiator-name', properties.initiator!],
      ['--mode', 'account', '--op', 'unbind', '--user', data.auth_username],
      ['--mode', 'logicalunit', '--op', 'delete', '--lun', '1'],
      ['--mode', 'logicalunit', '--op', 'update', '--lun', '1', '--params', 'scsi_sn=x'],
      ['--mode', 'logicalunit', '--op', 'update', '--lun', '1', '--params', 'readonly=1'],
      ['--mode', 'target', '--op', 'delete'],
    ];
    for (const half of halves) {
      await spoil(...half);
      await expect
        .poll(async () => {
          const complete = (await shown()).includes('Readonly: Yes') ? 'read-only' : 'writable';
          return `${(await inquire(data)).stdout.trim()} ${complete}`;
        }, WITHIN)
        .toBe(`${serial} writable`);
    }
  });

  it('never come back once they were removed, however busy the watch is', async () => {
    const { backend, tgtd } = it_;
    for (let round = 0; round < 4; round += 1) {
      const { attachment } = await attach(backend, `disk${round}`);
      await tgtd.restart();
      await backend.removeExport(attachment);
    }
    // The watch looks every second.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(await shown()).toBe('');
    expect((await accounts()).includes('dray-')).toBe(false);
    expect(it_.bench.complaints.join()).not.toContain('StateDamaged');
  });

  it('take another id where theirs is in use, also by several at once', async () => {
    const { backend, tgtd, bench } = it_;
    await backend.createVolume('disk1', MIB);
    const attachment = attachmentOf('disk1', 'one');
    const { name } = await backend.createExport(attachment, properties);
    const tid = /^Target (\d+)/.exec(await shown())![1]!;
    await backend.removeExport(attachment);
    const create = ['--mode', 'target', '--op', 'new', '--targetname', 'iqn.2026-11.x:other'];
    await tgtadm(tgtd.controlPort, ...create, '--tid', tid);
    const next = await bench.open(it_.config);
    const twice = await Promise.all(
      [backend, next].map((each) => each.createExport(attachment, properties)),
    );
    await next.close();
    expect(twice[0]).toEqual(twice[1]);
    const lines = (await shown()).split('\n').filter((line) => line.startsWith('Target '));
    expect(lines).toHaveLength(2);
    expect(lines).toContain(`Target ${tid}: iqn.2026-11.x:other`);
    expect(lines.some((line) => line.endsWith(`: ${name}`))).toBe(true);
  });
});

describe('a step of a tgt export that was killed in the middle', () => {
  let it_: TgtBench;
  const shown = () => tgtadm(it_.tgtd.controlPort, '--mode', 'target', '--op', 'show');
  const recordOf = (id: string) => join(it_.bench.root, 'exports', `${id}.json`);
  beforeEach(async () => {
    it_ = await makeTgtBench();
  });
  afterEach(() => it_.remove());

  it('createExport between reservation and record: is finished, or undone', async () => {
    const { backend, bench } = it_;
    await backend.createVolume('disk1', MIB);
    const attachment = attachmentOf('disk1', 'one');
    const half = new VolumeRoot(bench.root, BACKEND, bench.context);
    await half.hold(attachment);
    expect(await backend.removeExport(attachment)).toBe('done');
    expect(await backend.listReservations()).toEqual([]);
    await half.hold(attachment);
    const data = { ...attachment };
    const exported = await backend.createExport(data, properties);
    expect(exported.readsAsZeros).toBe(false);
    expect(await shown()).toContain(exported.name);
  });

  it('createExport between reservation and mark: gives the first answer', async () => {
    const { backend, bench } = it_;
    await backend.createVolume('disk1', MIB);
    const attachment = attachmentOf('disk1', 'one');
    const reservation = { id: 'its-first', attachment, readsAsZeros: true };
    const file = join(bench.root, 'reservations/disk1.json');
    await writeFile(file, JSON.stringify(reservation));
    expect((await backend.createExport(attachment, properties)).readsAsZeros).toBe(true);
    const disk = { backend: BACKEND, id: 'disk1' };
    expect((await backend.getVolume(disk)).neverWritten).toBe(false);
    expect((await backend.createExport(attachment, properties)).readsAsZeros).toBe(true);
  });

  it('initializeConnection before its ACL: is finished with the credentials of the record', async () => {
    const { backend, tgtd } = it_;
    const { attachment, data } = await attach(backend, 'disk1');
    const tid = /^Target (\d+)/.exec(await shown())![1]!;
    const undo = ['--mode', 'target', '--op', 'unbind', '--tid', tid, '--initiator-name'];
    await tgtadm(tgtd.controlPort, ...undo, properties.initiator!);
    expect(iscsiData(await backend.initializeConnection(attachment, properties))).toEqual(data);
    expect((await inquire(data)).status).toBe(0);
  });

  it('terminateConnection after its record: takes the access away', async () => {
    const { backend } = it_;
    const { attachment, data } = await attach(backend, 'disk1');
    const live = recordOf(attachment.id);
    await rename(live, live.replace(/\.json$/, '.closed.json'));
    expect(await backend.terminateConnection(attachment, properties, false)).toBe('done');
    expect((await inquire(data)).status).toBe(10);
    expect(await backend.terminateConnection(attachment, properties, false)).toBe('alreadyGone');
  });

  it('removeExport after its record: removes account, target and reservation', async () => {
    const { backend, tgtd } = it_;
    const { attachment } = await attach(backend, 'disk1');
    await rm(recordOf(attachment.id));
    expect(await backend.removeExport(attachment)).toBe('done');
    expect(await shown()).toBe('');
    const accounts = await tgtadm(tgtd.controlPort, '--mode', 'account', '--op', 'show');
    expect(accounts).not.toContain('dray-');
    expect(await backend.listReservations()).toEqual([]);
    expect(await backend.removeExport(attachment)).toBe('alreadyGone');
  });
});

it('a path that tgtadm cannot be told is refused', async () => {
  const bench = await makeWorkbench();
  const root = join(bench.directory, 'a,b');
  const portal = '127.0.0.1:1';
  const devices = {};
  const config = { type: 'tgt', root, portal, controlPort: 1, managed: false, devices } as const;
  await expect(bench.open(config)).rejects.toMatchObject({ code: 'BadOption' });
  await bench.remove();
});
