import fc from 'fast-check';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../contract/attachment.ts';
import type { CopyPlan, EngineName, ZeroHandling } from '../../contract/copy.ts';
import { runCopy } from '../../copy/copier.ts';
import { saveCheckpoint } from '../../copy/checkpoint.ts';
import { Journal } from '../../copy/journal.ts';
import { fenceCopier, takeLease } from '../../copy/lease.ts';
import { MerkleTree } from '../../copy/merkle.ts';
import { runVerify } from '../../copy/verify.ts';
import { copyThrough, type Interruption, interruptions } from './interrupted.ts';
import { digest, exec, MIB, Rig, VOLUMES } from './rig.ts';
import { servedByQemu } from './served.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

type Piece = { kind: 'data' | 'zeros' | 'hole'; bytes: number };
/** Pieces of any length, a hole, and as much data again: something is left to be interrupted. */
type Layout = { seed: number; pieces: Piece[]; tailSectors: number };
const HOLE_BYTES = 2 * MIB;
const DATA_BYTES = 6 * MIB;

const layouts: fc.Arbitrary<Layout> = fc.record({
  seed: fc.nat(),
  pieces: fc.array(
    fc.record({
      kind: fc.constantFrom('data', 'zeros', 'hole'),
      bytes: fc.tuple(fc.nat(9), fc.nat(511)).map(([log, more]) => 512 * (2 ** log + more)),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  tailSectors: fc.nat(9),
});

/** The same bytes for the same seed: a failure can be repeated. */
function noise(seed: number): (bytes: number) => Buffer {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, String(seed)), Buffer.alloc(16));
  return (bytes) => cipher.update(Buffer.alloc(bytes));
}

async function patchwork(path: string, { seed, pieces, tailSectors }: Layout): Promise<Device> {
  const random = noise(seed);
  const file = await open(path, 'w');
  let at = 0;
  const tail: Piece[] = [
    { kind: 'hole', bytes: HOLE_BYTES },
    { kind: 'data', bytes: DATA_BYTES + 512 * tailSectors },
  ];
  for (const { kind, bytes } of [...pieces, ...tail]) {
    const content = kind === 'data' ? random(bytes) : Buffer.alloc(bytes);
    if (kind !== 'hole') await file.write(content, 0, bytes, at);
    at += bytes;
  }
  // Not flushed: what a file tells of its data has to hold before it is on the disk.
  await file.close();
  return { path, sizeBytes: at, accessMode: 'rw' };
}

async function rootOf({ path }: Device, { bytesTotal, chunkBytes }: CopyPlan): Promise<string> {
  const content = await readFile(path);
  const count = Math.ceil(bytesTotal / chunkBytes);
  const leaves = Array.from({ length: count }, (_, i) =>
    createHash('sha256')
      .update(content.subarray(i * chunkBytes, (i + 1) * chunkBytes))
      .digest(),
  );
  return new MerkleTree(leaves).root;
}

/** The plan, with another way to deal with zeros where the destination allows it. */
const handling = (plan: CopyPlan, zeros: ZeroHandling): CopyPlan => ({
  ...plan,
  zeros: { value: zeros, because: 'test' },
});

/** So slow that whatever looks once in a while can interrupt it. Unit: bytes a second. */
const RATE = 6 * MIB;

type Case = { layout: Layout; what: Interruption[]; isBlock: boolean };
const cases: fc.Arbitrary<Case> = fc.record({
  layout: layouts,
  what: fc.array(interruptions, { minLength: 1, maxLength: 2 }),
  isBlock: fc.boolean(),
});

let copies = 0;

async function assertEqual(engine: EngineName, zeros: ZeroHandling, given: Case): Promise<void> {
  const { layout, what, isBlock } = given;
  const copyId = `copy-${(copies += 1)}`;
  const source = await patchwork(rig.path(`a${copies}`), layout);
  const bytes = source.sizeBytes;
  // Only what reads as zeros may be left as it is.
  const file = await rig.file(`b${copies}`, bytes + MIB, zeros === 'skip' ? 0 : 'random');
  const behind = (await readFile(file.path)).subarray(bytes);
  const ends = { source, destination: isBlock ? await rig.loop(file) : file };
  const asked = { engine, blockSize: '64K', bytesPerSecond: RATE };
  const planned = handling(await rig.plan(ends, asked), zeros);
  // Every range of engine file is a start of Node.
  const rangeBytes = planned.rangeBytes * (engine === 'file' ? 2 : 1);
  const throttle = { value: 'paced' as const, because: 'test' };
  const plan: CopyPlan = { ...planned, rangeBytes, throttle };
  expect(plan.chunkBytes).toBeLessThan(MIB);
  const result = await copyThrough(what, (version) =>
    rig.run(plan, ends, { copyId, wishes: rig.wishes({ version }) }),
  );
  expect(await digest(file.path, bytes)).toBe(await digest(source.path));
  expect((await readFile(file.path)).subarray(bytes).equals(behind)).toBe(true);
  expect(rig.notices.filter((notice) => notice.includes('zeros'))).toEqual([]);
  const verified = await runVerify(rig.verify(plan, ends, { copyId }));
  expect(verified.digestsRoot).toBe(await rootOf(source, plan));
  if (engine === 'direct') {
    const { bytesWritten = 0, bytesSkipped = 0, bytesZeroed = 0 } = result;
    expect(bytesWritten + bytesSkipped + bytesZeroed).toBe(bytes);
    expect(result.bytesRead).toBeLessThan(bytes);
    expect(bytesZeroed > 0).toBe(zeros === 'discard');
  }
  await fenceCopier(rig.state, VOLUMES.destination, { copyId, forget: true });
}

describe.each([
  ['dd', 'skip'],
  ['dd', 'write'],
  ['file', 'write'],
  ['direct', 'skip'],
  ['direct', 'discard'],
  ['direct', 'write'],
] as const)('engine %s, zeros: %s', (engine: EngineName, zeros: ZeroHandling) => {
  it('the destination equals the source, whatever was on it and interrupts the copy', async () => {
    const property = fc.asyncProperty(cases, (given) => assertEqual(engine, zeros, given));
    // Told with its seed and its case; a smaller one would take as long again.
    await fc.assert(property, { numRuns: 2, endOnFailure: true });
  }, 120_000);
});

it.each(['dd', 'direct'] as const)(
  '%s writes zeros where an earlier attempt may have written, though the rest is left out',
  async (engine) => {
    const bytes = 4 * MIB;
    const source = await rig.file('a', bytes);
    const ends = { source, destination: await rig.file('b', bytes, 0) };
    const plan = await rig.plan(ends, { engine }, true);
    expect(plan.zeros.value).toBe('skip');
    await runCopy(rig.run(plan, ends));
    // The source changes to zeros after it was copied.
    const file = await open(source.path, 'r+');
    await file.write(Buffer.alloc(MIB), 0, MIB, MIB);
    await file.close();
    const code = engine === 'dd' ? 'EndsDiffer' : 'SourceChanged';
    await expect(runVerify(rig.verify(plan, ends))).rejects.toMatchObject({ code });
    expect(await runCopy(rig.run(plan, ends))).toMatchObject({ bytesRepaired: plan.chunkBytes });
    await runVerify(rig.verify(plan, ends));
    expect(await digest(ends.destination.path)).toBe(await digest(source.path));
  },
);

it.each(['dd', 'direct'] as const)(
  '%s leaves nothing out where the run before this one was reset, whose checkpoint is gone',
  async (engine) => {
    const bytes = 4 * MIB;
    const source = await rig.sparse('a', bytes);
    const ends = { source, destination: await rig.file('b', bytes, 0xaa) };
    const plan = await rig.plan(ends, { engine }, true);
    expect(plan.zeros.value).toBe('skip');
    await runCopy(rig.run({ ...plan, runId: 'the run before' }, ends));
    expect(await digest(ends.destination.path)).toBe(await digest(source.path));
  },
);

it('makes zeros on a file of FUSE over old data, and reads what qemu calls holes', async () => {
  const bytes = 24 * MIB;
  const source = await rig.sparse('a', bytes);
  const behind = await rig.file('b', bytes, 0xaa);
  const [from, to] = [await servedByQemu(rig, source), await servedByQemu(rig, behind)];
  const ends = { source: from.device, destination: to.device };
  const plan = await rig.plan(ends, { engine: 'direct' });
  expect(plan).toMatchObject({ extents: { value: false }, zeros: { value: 'discard' } });
  const result = await runCopy(rig.run(plan, ends));
  expect(await digest(behind.path)).toBe(await digest(source.path));
  expect(result).toMatchObject({ bytesRead: 24 * MIB, bytesZeroed: 8 * MIB });
  expect(rig.notices.filter((notice) => notice.includes('zeros'))).toEqual([]);
});

it('writes zeros where the destination cannot make them, and says so', async () => {
  await mkdir(rig.path('ramfs'));
  await exec('mount', ['-t', 'ramfs', 'ramfs', rig.path('ramfs')]);
  rig.undo(() => exec('umount', [rig.path('ramfs')]));
  const source = await rig.sparse('a', 6 * MIB);
  const ends = { source, destination: await rig.file('ramfs/b', 6 * MIB, 0xaa) };
  const plan = await rig.plan(ends, { engine: 'direct' });
  expect(plan.zeros.value).toBe('discard');
  expect(await runCopy(rig.run(plan, ends))).toMatchObject({
    ...{ bytesRead: 4 * MIB, bytesWritten: 6 * MIB, bytesSkipped: 0, bytesZeroed: 0 },
  });
  expect(await digest(ends.destination.path)).toBe(await digest(source.path));
  expect(rig.notices.filter((notice) => notice.startsWith('zeros are written'))).toHaveLength(1);
});

it('whatever an earlier attempt has touched becomes zeros, in however many places', async () => {
  const places = Array.from({ length: 5000 }, (_, i) => ({ offset: i * 8192, length: 4096 }));
  const bytes = places.length * 8192;
  const destination = await rig.file('b', bytes, 0);
  const file = await open(destination.path, 'r+');
  for (const { offset, length } of places) await file.write(randomBytes(length), 0, length, offset);
  await file.close();
  const source = await rig.file('a', bytes, 0);
  const plan = await rig.plan({ source, destination }, { engine: 'direct' }, true);
  expect(plan.zeros.value).toBe('skip');
  const run = rig.run(plan, { source, destination });
  const lease = await takeLease(run.state, run.volumes.destination, run.copyId, 'an earlier one');
  const journal = await Journal.open(lease, 'file:to', { ...run, work: 'copy' }, () => undefined);
  await saveCheckpoint(lease.directory, { ...journal.checkpoint, touched: places });
  await journal.close();
  await runCopy(run);
  expect(await digest(destination.path)).toBe(await digest(source.path));
});
