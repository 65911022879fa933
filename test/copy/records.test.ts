import fc from 'fast-check';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readChunkStates } from '../../contract/chunk-states.ts';
import { type ByteRange, CHUNK_STATES, type CopyPlan } from '../../contract/copy.ts';
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from '../../copy/checkpoint.ts';
import { chunkAt, ChunkMap } from '../../copy/chunk-map.ts';
import { EMPTY_CURVE } from '../../copy/curve.ts';
import { MerkleTree } from '../../copy/merkle.ts';

/** What a copy goes on from, written and read back, also when somebody damages it meanwhile. */

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'dray-records-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

const COUNT = 12;
const GRID = { bytesTotal: COUNT * 4096 - 512, chunkBytes: 4096 };
const PLAN = { ...GRID, blockBytes: 4096, rangeBytes: 8192 } as CopyPlan;
const OWNER = { copyId: 'copy', reservations: { source: 'a', destination: 'b' } };
const RUNS = { numRuns: 150 };

const digests = fc.uint8Array({ minLength: 32, maxLength: 32 });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

type Damage = { at: number; bytes: Uint8Array; cut: boolean };
const damages: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(2000),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 60 }),
  cut: fc.boolean(),
});

async function damage(path: string, { at, bytes, cut }: Damage): Promise<void> {
  const content = await readFile(path);
  const place = Math.min(at, content.length);
  const rest = cut ? Buffer.alloc(0) : content.subarray(place + bytes.length);
  await writeFile(path, Buffer.concat([content.subarray(0, place), bytes, rest]));
}

type Act = { act: 'record' | 'late' | 'repeat' | 'part'; index: number; digest: Uint8Array };
const acts: fc.Arbitrary<Act> = fc.record({
  act: fc.constantFrom('record', 'late', 'repeat', 'part'),
  index: fc.nat(COUNT - 1),
  digest: digests,
});

type Known = { digest: string; isLate: boolean };

/** Does the acts on a map and answers what it has to know then. */
async function perform(map: ChunkMap, done: readonly Act[]) {
  const known = new Map<number, Known>();
  for (const { act, index, digest: bytes } of done) {
    const chunk = chunkAt(GRID, index);
    const digest = hex(bytes);
    if (act === 'record') {
      await map.record([{ ...chunk, digest }]);
      known.set(index, { digest, isLate: false });
    } else if (act === 'late') {
      await map.recordLate([{ ...chunk, digest }]);
      known.set(index, { digest, isLate: true });
    } else if (act === 'repeat') {
      await map.repeat([chunk]);
      known.delete(index);
    } else {
      await map.record([{ ...chunk, length: chunk.length - 512 }]);
    }
  }
  return known;
}

const open = (flushed: readonly number[]): Promise<ChunkMap> =>
  ChunkMap.open(
    directory,
    GRID,
    { copyId: 'copy', flushed: flushed.map((index) => chunkAt(GRID, index)) },
    () => undefined,
  );

it('a map of chunks knows what was recorded of those that are flushed, and nothing else', async () => {
  const property = fc.asyncProperty(
    fc.array(acts, { maxLength: 20 }),
    fc.uniqueArray(fc.nat(COUNT - 1)),
    async (done, flushed) => {
      await rm(join(directory, 'chunks'), { force: true });
      const first = await open([]);
      const known = await perform(first, done);
      await first.close();
      const second = await open(flushed);
      const leaves = Array.from({ length: COUNT }, (_, index) => {
        const expected = flushed.includes(index) ? known.get(index) : undefined;
        expect(second.digestOf(index * GRID.chunkBytes)).toEqual(expected);
        return Buffer.from(expected?.digest ?? '', 'hex');
      });
      expect(second.root).toBe(new MerkleTree(leaves).root);
      await second.close();
    },
  );
  await fc.assert(property, RUNS);
});

it("adopts another host's states of chunks that are flushed, and its own where it has any", async () => {
  const states = fc.uint8Array({
    minLength: COUNT,
    maxLength: COUNT,
    max: CHUNK_STATES.length - 1,
  });
  const property = fc.asyncProperty(
    states,
    fc.uniqueArray(fc.nat(COUNT - 1)),
    fc.uniqueArray(fc.nat(COUNT - 1)),
    async (told, flushed, own) => {
      await rm(join(directory, 'chunks'), { force: true });
      const first = await open([]);
      const state = 'zeroed';
      await first.record(own.map((index) => ({ ...chunkAt(GRID, index), state })));
      await first.close();
      const ranges = flushed.map((index) => chunkAt(GRID, index));
      const owner = { copyId: 'copy', flushed: ranges };
      const map = await ChunkMap.open(directory, GRID, owner, () => undefined, told);
      const found = readChunkStates(await map.states(ranges)) as Uint8Array;
      await map.close();
      const expected = Array.from(told, (byte, index) => {
        if (!flushed.includes(index)) return 0;
        if (own.includes(index)) return CHUNK_STATES.indexOf(state);
        return byte === 0 ? CHUNK_STATES.indexOf('copied') : byte;
      });
      expect([...found]).toEqual(expected);
    },
  );
  await fc.assert(property, RUNS);
});

it('the states of 16 TiB take less than 64 KiB in a heartbeat', async () => {
  const grid = { bytesTotal: 2 ** 44, chunkBytes: 64 * 2 ** 20 };
  const map = await ChunkMap.open(
    directory,
    grid,
    { copyId: 'copy', flushed: [] },
    () => undefined,
  );
  // Stretches of data and holes, as file systems leave them, and places that were copied again.
  const flushed: ByteRange[] = [];
  for (let index = 0; index < 2 ** 18; index += 97) {
    const length = Math.min(60, 2 ** 18 - index) * grid.chunkBytes;
    const range = { offset: index * grid.chunkBytes, length };
    flushed.push(range);
    const state = CHUNK_STATES[1 + (index % 3)] ?? 'copied';
    await map.record([{ ...range, state }]);
  }
  expect((await map.states(flushed)).length).toBeLessThan(64 * 1024);
  await map.close();
});

it('a map of another grid is known for nothing', async () => {
  const map = await open([]);
  await map.record([{ ...chunkAt(GRID, 0), digest: hex(new Uint8Array(32)) }]);
  await map.close();
  const flushed = [{ offset: 0, length: GRID.bytesTotal }];
  for (const grid of [{ ...GRID, chunkBytes: 8192 }, GRID]) {
    const owner = { copyId: 'copy', flushed };
    const other = await ChunkMap.open(directory, grid, owner, () => undefined);
    expect(other.digestOf(0) !== undefined).toBe(grid === GRID);
    await other.close();
  }
});

it('a damaged map forgets, and never makes a digest up', async () => {
  const all = Array.from({ length: COUNT }, (_, index) => index);
  const property = fc.asyncProperty(
    fc.array(acts, { maxLength: 20 }),
    damages,
    async (done, how) => {
      await rm(join(directory, 'chunks'), { force: true });
      const first = await open([]);
      const known = await perform(first, done);
      await first.close();
      await damage(join(directory, 'chunks'), how);
      const second = await open(all);
      for (const index of all) {
        const found = second.digestOf(index * GRID.chunkBytes);
        if (found !== undefined) expect(found).toEqual(known.get(index));
      }
      await second.close();
    },
  );
  await fc.assert(property, RUNS);
});

const checkpoints: fc.Arbitrary<Checkpoint> = fc
  .record({ upTo: fc.nat(COUNT), attempts: fc.nat(9), again: fc.nat(9000) })
  .map(({ upTo, attempts, again }) => ({
    version: 1,
    ...OWNER,
    bytesTotal: GRID.bytesTotal,
    flushed: upTo === 0 ? [] : [{ offset: 0, length: Math.min(upTo * 4096, GRID.bytesTotal) }],
    attempts,
    idleAttempts: 0,
    idleSince: 1,
    bytesCopiedAgain: again,
    curve: EMPTY_CURVE,
    verified: [],
    differing: [],
    touched: [],
    unreadable: [],
    counts: { bytesRead: again },
    bytesRepaired: 0,
    bytesDigestedLate: 0,
    startedAt: 1,
  }));

it('a damaged checkpoint is told and not gone on from', async () => {
  const property = fc.asyncProperty(checkpoints, damages, async (checkpoint, how) => {
    await saveCheckpoint(directory, checkpoint);
    const path = join(directory, 'checkpoint.json');
    const before = await readFile(path);
    await damage(path, how);
    const notices: string[] = [];
    const load = (): Promise<Checkpoint> =>
      loadCheckpoint(directory, OWNER, PLAN, undefined, (notice) => void notices.push(notice));
    const found = await load();
    if (before.equals(await readFile(path))) expect(found).toEqual(checkpoint);
    else if (notices.length === 0) expect(found).toEqual(checkpoint);
    else expect(found.flushed).toEqual([]);
  });
  await fc.assert(property, RUNS);
});

it('whatever a heartbeat holds, nothing is taken for flushed that cannot be', async () => {
  const ranges = fc.array(fc.record({ offset: fc.integer(), length: fc.integer() }));
  const beats = fc.oneof(
    fc.anything(),
    fc.record({
      bytesSubmitted: fc.nat(),
      bytesFlushed: fc.nat(),
      bytesTotal: fc.constantFrom(GRID.bytesTotal, 1),
      attempt: fc.nat(9),
      flushed: ranges,
    }),
  );
  const property = fc.asyncProperty(beats, async (heartbeat) => {
    const found = await loadCheckpoint(directory, OWNER, PLAN, heartbeat, () => undefined);
    let end = -1;
    for (const { offset, length } of found.flushed) {
      expect(offset).toBeGreaterThan(end);
      expect(offset % 4096).toBe(0);
      end = offset + length;
      expect(end).toBeLessThanOrEqual(GRID.bytesTotal);
    }
  });
  await fc.assert(property, { numRuns: 500 });
});
