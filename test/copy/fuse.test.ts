import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Device } from '../../contract/attachment.ts';
import { runCopy } from '../../copy/copier.ts';
import { runVerify } from '../../copy/verify.ts';
import { digest, exec, MIB, Rig } from './rig.ts';

const BYTES = 32 * MIB;
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.make();
});
afterEach(() => rig.close());

/** The file once more, as qemu-storage-daemon serves it; slow enough that requests overlap. */
async function served(file: Device): Promise<Device> {
  const path = rig.path('served');
  await writeFile(path, '');
  const below = { driver: 'file', filename: file.path, cache: { direct: true } };
  const node = { driver: 'throttle', 'node-name': 'node', 'throttle-group': 'slow', file: below };
  const fuse = { type: 'fuse', id: 'e', 'node-name': 'node', mountpoint: path, writable: true };
  const limits = ['--object', 'throttle-group,id=slow,x-iops-total=100'];
  const args = [...limits, '--blockdev', JSON.stringify(node), '--export', JSON.stringify(fuse)];
  const child = spawn('qemu-storage-daemon', args, { stdio: 'ignore' });
  rig.undo(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  });
  while (!(await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${path} `)) await sleep(20);
  return { ...file, path };
}

it('copies in long blocks onto what qemu serves by FUSE without mixing them up', async () => {
  const source = await rig.file('from', BYTES);
  const behind = await rig.file('to', BYTES, 0);
  const ends = { source, destination: await served(behind) };
  const plan = await rig.plan(ends, { blockSize: '8M' });
  expect(plan.destinationDirect).toMatchObject({ value: false });
  expect(plan.destinationDirect.because).toContain('FUSE');
  const run = rig.run(plan, ends);
  await runCopy(run);
  expect(await digest(behind.path)).toBe(await digest(source.path));
  await runVerify(rig.verify(plan, ends));
});

it('copies with several lanes onto what qemu serves by FUSE without mixing them up', async () => {
  const source = await rig.file('from', BYTES);
  const behind = await rig.file('to', BYTES, 0);
  const ends = { source, destination: await served(behind) };
  const plan = await rig.plan(ends, { engine: 'direct' });
  expect(plan).toMatchObject({
    destinationDirect: { value: true },
    maxRequestBytes: { value: MIB, because: expect.stringMatching(/FUSE/) as string },
  });
  await runCopy(rig.run(plan, ends));
  expect(await digest(behind.path)).toBe(await digest(source.path));
});

it('keeps O_DIRECT for requests that go to a FUSE server as one, and for long reads', async () => {
  const behind = await rig.file('one', BYTES);
  const fuse = await served(behind);
  const file = await rig.file('other', BYTES);
  const onto = await rig.plan({ source: file, destination: fuse }, { blockSize: '1M' });
  expect(onto.destinationDirect.value).toBe(true);
  const from = await rig.plan({ source: fuse, destination: file }, { blockSize: '8M' });
  expect(from.sourceDirect.value).toBe(true);
  const dd = ['if=' + fuse.path, 'of=' + file.path, 'bs=8M', 'iflag=direct', 'oflag=direct'];
  await exec('dd', [...dd, 'status=none']);
  expect(await digest(file.path)).toBe(await digest(behind.path));
});
