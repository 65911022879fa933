import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runToolOrThrow } from '../../../system/run.ts';
import { attachmentOf, BACKEND, MIB, properties } from '../workbench.ts';
import { connectLive, inquire, iscsiData, serialLine } from './initiator.ts';
import { makeTgtBench, type TgtBench } from './tgt-bench.ts';

let directory: string;
let device: string;
let it_: TgtBench;
const disk = { backend: BACKEND, id: 'sdx' };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-device-'));
  const file = join(directory, 'disk');
  await writeFile(file, '');
  await truncate(file, 3 * MIB);
  device = (await runToolOrThrow('losetup', ['-f', '--show', file])).stdout.trim();
  it_ = await makeTgtBench({ sdx: device, gone: join(directory, 'no-such-device') });
});
afterEach(async () => {
  await it_.remove();
  await runToolOrThrow('losetup', ['-d', device]);
  await rm(directory, { recursive: true });
});

it('offers an existing block device with the size it has', async () => {
  const { backend, bench } = it_;
  const volume = { ...disk, sizeBytes: 3 * MIB, state: 'available', neverWritten: false };
  expect(await backend.listVolumes()).toEqual([volume]);
  const attachment = attachmentOf('sdx', 'one');
  const exported = await backend.createExport(attachment, properties);
  expect(exported).toMatchObject({ sizeBytes: 3 * MIB, readsAsZeros: false });
  const data = iscsiData(await backend.initializeConnection(attachment, properties));
  expect((await inquire(data)).stdout.trim()).toBe(serialLine(exported.serial!));
  const client = await connectLive(bench.directory, data, false);
  expect(await client.io('write -P 9 1048576 4096')).toContain('wrote 4096/4096');
  await client.io('flush');
  await client.end();
  expect((await readFile(device)).subarray(MIB, MIB + 4096).every((byte) => byte === 9)).toBe(true);
  await backend.terminateConnection(attachment, properties, true);
  await backend.removeExport(attachment);
});

it('neither creates nor deletes it', async () => {
  const { backend } = it_;
  await expect(backend.createVolume('sdx', MIB)).rejects.toMatchObject({ code: 'VolumeExists' });
  await expect(backend.deleteVolume(disk)).rejects.toMatchObject({ code: 'BadOption' });
  await expect(backend.getVolume({ ...disk, id: 'gone' })).rejects.toMatchObject({
    code: 'VolumeNotFound',
  });
  expect(await backend.listVolumes()).toHaveLength(1);
});

it('refuses to export a raw file that tgt would cut short', async () => {
  const { backend, bench } = it_;
  await writeFile(join(bench.root, 'volumes/odd.raw'), Buffer.alloc(1000));
  await expect(backend.createExport(attachmentOf('odd', 'one'), properties)).rejects.toMatchObject({
    code: 'BadSize',
  });
  expect(await backend.listReservations()).toEqual([]);
});
