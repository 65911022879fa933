import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCopy } from '../../copy/copier.ts';
import { runVerify } from '../../copy/verify.ts';
import { digest, exec, MIB, Rig } from './rig.ts';
import { servedByQemu } from './served.ts';

const BYTES = 32 * MIB;
/** So slow that requests overlap. */
const IOPS = 100;
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.make();
});
afterEach(() => rig.close());

it('copies in long blocks onto what qemu serves by FUSE without mixing them up', async () => {
  const source = await rig.file('from', BYTES);
  const behind = await rig.file('to', BYTES, 0);
  const { device: destination } = await servedByQemu(rig, behind, IOPS);
  const ends = { source, destination };
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
  const { device: destination } = await servedByQemu(rig, behind, IOPS);
  const ends = { source, destination };
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
  const { device: fuse } = await servedByQemu(rig, behind, IOPS);
  const file = await rig.file('other', BYTES);
  const onto = await rig.plan({ source: file, destination: fuse }, { blockSize: '1M' });
  expect(onto.destinationDirect.value).toBe(true);
  const from = await rig.plan({ source: fuse, destination: file }, { blockSize: '8M' });
  expect(from.sourceDirect.value).toBe(true);
  const dd = ['if=' + fuse.path, 'of=' + file.path, 'bs=8M', 'iflag=direct', 'oflag=direct'];
  await exec('dd', [...dd, 'status=none']);
  expect(await digest(file.path)).toBe(await digest(behind.path));
});
