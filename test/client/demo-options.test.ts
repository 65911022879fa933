import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fillWithRunsAndHoles } from '../../client/demo/source-data.ts';
import { dray } from '../rig/dray.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-options-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test.each([
  [['--kill', 'target', '--storage', 'file'], 'only iSCSI storage has a target'],
  [['--kill', 'worker', '--size', '1MiB'], 'at least 16MiB'],
  [['--size', '1000'], 'not a multiple of 512'],
  [['--storage', 'nvme'], 'nvme'],
])('%j is bad input: exit 2, nothing started', async (args, words) => {
  const { status, stderr, stdout } = await dray(['demo', '--json', ...args], { TMPDIR: directory });
  expect(status).toBe(2);
  expect(stderr).toContain(words);
  expect(JSON.parse(stdout)).toHaveProperty('error.code');
  expect((await readdir(directory)).filter((name) => name.startsWith('dray-demo'))).toEqual([]);
});

test('--storage iscsi without the tools is exit 2 and names the Debian packages', async () => {
  const args = ['demo', '--storage', 'iscsi', '--json'];
  const { status, stderr } = await dray(args, { PATH: directory });
  expect(status).toBe(2);
  expect(stderr).toContain('tgt qemu-system-common qemu-utils qemu-block-extra libiscsi-bin');
});

test('the source has runs of data, holes and data at its very end', async () => {
  const path = join(directory, 'raw');
  const sizeBytes = 32 * 2 ** 20;
  const file = await open(path, 'w');
  await file.truncate(sizeBytes);
  await file.close();
  const { bytes, runs } = await fillWithRunsAndHoles(path, sizeBytes);
  const content = await readFile(path);
  expect(content).toHaveLength(sizeBytes);
  expect(runs).toBeGreaterThan(1);
  expect(bytes).toBeLessThan(sizeBytes);
  expect(content.subarray(-333).some((byte) => byte !== 0)).toBe(true);
  expect(content.includes(Buffer.alloc(512))).toBe(true);
});
