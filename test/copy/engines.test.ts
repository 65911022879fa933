import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCopy } from '../../copy/copier.ts';
import { runVerify } from '../../copy/verify.ts';
import { digest, exec, MIB, Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

describe.each(['dd', 'direct', 'file'] as const)('engine %s', (engine) => {
  it.each([512, MIB, 9 * MIB + 512, 16 * MIB - 512])('copies %d bytes exactly', async (size) => {
    const ends = {
      source: await rig.file('a', size),
      destination: await rig.file('b', size, 0xaa),
    };
    const plan = await rig.plan(ends, { engine });
    const run = rig.run(plan, ends);
    const result = await runCopy(run);
    expect(await digest(ends.destination.path)).toBe(await digest(ends.source.path));
    expect(result).toMatchObject({ bytes: size, attempts: 1, bytesCopiedAgain: 0 });
    expect(run.seen.at(-1)).toMatchObject({
      bytesFlushed: size,
      bytesSubmitted: size,
      flushed: [{ offset: 0, length: size }],
    });
    const verified = await runVerify(rig.verify(plan, ends));
    expect(verified).toMatchObject({ mode: 'full', bytesCompared: size });
  });

  it('leaves what is behind the end of the source', async () => {
    const size = 3 * MIB + 512;
    const ends = {
      source: await rig.file('a', size),
      destination: await rig.file('b', size + 2 * MIB, 0xaa),
    };
    await runCopy(rig.run(await rig.plan(ends, { engine }), ends));
    const after = await readFile(ends.destination.path);
    expect(await digest(ends.destination.path, size)).toBe(await digest(ends.source.path));
    expect(after.subarray(size).equals(Buffer.alloc(2 * MIB, 0xaa))).toBe(true);
  });

  it('writes holes as zeros over old data', async () => {
    const ends = {
      source: await rig.sparse('a', 6 * MIB),
      destination: await rig.file('b', 6 * MIB, 0xaa),
    };
    await runCopy(rig.run(await rig.plan(ends, { engine }), ends));
    expect(await digest(ends.destination.path)).toBe(await digest(ends.source.path));
  });

  it('copies between block devices', async () => {
    const [a, b] = [await rig.file('a', 5 * MIB + 512), await rig.file('b', 6 * MIB, 0xaa)];
    const ends = { source: await rig.loop(a), destination: await rig.loop(b) };
    const plan = await rig.plan(ends, { engine });
    expect(plan.destinationDirect.value).toBe(engine !== 'file');
    await runCopy(rig.run(plan, ends));
    expect(await digest(b.path, a.sizeBytes)).toBe(await digest(a.path));
  });
});

it('tells what the lanes of a copy and of its verify settled on', async () => {
  const size = 64 * MIB;
  const ends = { source: await rig.file('a', size), destination: await rig.file('b', size, 0) };
  const plan = await rig.plan(ends, { engine: 'direct' });
  const run = rig.run(plan, ends);
  const { lanes, requestBytes } = await runCopy(run);
  expect(lanes).toBeGreaterThan(0);
  expect(lanes).toBeLessThanOrEqual(plan.maxLanes.value);
  expect(requestBytes).toBeLessThanOrEqual(plan.maxRequestBytes.value);
  expect(run.seen.at(-1)).toMatchObject({ lanes, requestBytes });
  expect((await runVerify(rig.verify(plan, ends))).lanes).toBeGreaterThan(0);
  const dd = await rig.plan(ends, { engine: 'dd' });
  expect((await runCopy(rig.run(dd, ends, { copyId: 'copy-2' }))).lanes).toBeUndefined();
});

it('leaves zeros out only where the plan says so', async () => {
  const [source, destination] = [await rig.sparse('a', 6 * MIB), await rig.file('b', 6 * MIB, 0)];
  const ends = { source, destination };
  const plan = await rig.plan(ends, {}, true);
  expect(plan.zeros.value).toBe('skip');
  await runCopy(rig.run(plan, ends));
  expect(await digest(destination.path)).toBe(await digest(source.path));
});

it('direct, where O_DIRECT cannot be had, leaves next to nothing in the page cache', async () => {
  const size = 24 * MIB;
  const ends = { source: await rig.file('a', size), destination: await rig.file('b', size, 0xaa) };
  const planned = await rig.plan(ends, { engine: 'direct' });
  const no = { value: false, because: 'this test says so' };
  const plan = { ...planned, sourceDirect: no, destinationDirect: no };
  const paths = [ends.source.path, ends.destination.path];
  // What this test has left dirty nobody can drop.
  await exec('sync', paths);
  await runCopy(rig.run(plan, ends));
  const args = ['--bytes', '--noheadings', '--output', 'RES', ...paths];
  const { stdout } = await exec('fincore', args);
  // The kernel keeps pages that it has in hand in that moment.
  for (const bytes of stdout.trim().split(/\s+/)) expect(Number(bytes)).toBeLessThan(2 * MIB);
});
