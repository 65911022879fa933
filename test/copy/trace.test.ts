import { statSync } from 'node:fs';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ByteRange, ZeroHandling } from '../../contract/copy.ts';
import { DEFAULT_LIMITS } from '../../contract/limits.ts';
import type { RangeDone } from '../../copy/chunk-map.ts';
import { runCopy } from '../../copy/copier.ts';
import { openForCopy, openForReading, type OpenEnds } from '../../copy/ends.ts';
import { addCounts } from '../../contract/byte-counts.ts';
import { ddEngine } from '../../copy/engines/dd.ts';
import { directEngine } from '../../copy/engines/direct.ts';
import { fileEngine } from '../../copy/engines/file.ts';
import { copierDirectory } from '../../copy/lease.ts';
import { planRead } from '../../copy/plan-read.ts';
import { addRange, sumBytes } from '../../copy/ranges.ts';
import { readBack } from '../../copy/read-back.ts';
import { interrupted } from './interrupted.ts';
import { exec, LANES, MIB, Rig, UNGUIDED, VOLUMES } from './rig.ts';
import { type Call, readTrace, traceCopiers, tracedStarter, tracesIn } from './trace.ts';

const ENGINES = { dd: ddEngine, direct: directEngine, file: fileEngine };
const RANGE = { offset: 2 * MIB, length: 12 * MIB + 512 };

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

/** What was told of, with all calls that had ended by then. */
type Moment = { done: RangeDone; calls: Call[] };

/** What an engine did to both ends, and what it told meanwhile. */
async function traced(
  engine: keyof typeof ENGINES,
  zeros: ZeroHandling = 'write',
  hole?: ByteRange,
) {
  const bytes = RANGE.offset + RANGE.length;
  const source = await rig.file('a', bytes);
  // One request of zeros, at 5 MiB.
  const file = await open(source.path, 'r+');
  await file.write(Buffer.alloc(MIB), 0, MIB, 5 * MIB);
  await file.close();
  if (hole !== undefined) {
    const place = ['--offset', String(hole.offset), '--length', String(hole.length)];
    await exec('fallocate', ['--punch-hole', ...place, source.path]);
  }
  const ends = { source, destination: await rig.file('b', bytes, 0) };
  // Asked for: else lanes change their requests' length on their way.
  const planned = await rig.plan(ends, { engine, blockSize: '1M' });
  const plan = { ...planned, zeros: { value: zeros, because: 'test' } };
  const opened = await openForCopy(ends, VOLUMES);
  rig.undo(() => opened.close());
  const told: RangeDone[] = [];
  const moments: Moment[] = [];
  const outcome = await ENGINES[engine].copyRange(RANGE, {
    plan,
    touched: [],
    guidance: UNGUIDED,
    start: tracedStarter(opened, rig.path('trace')),
    signal: new AbortController().signal,
    report: {
      submitted: () => undefined,
      flushed: async (done) => {
        told.push(...done);
        const calls = await readTrace(rig.path('trace'), ends);
        moments.push(...done.map((each) => ({ done: each, calls })));
      },
      notice: (words) => expect.fail(words),
    },
  });
  expect(outcome.flushed, outcome.words).toBe(true);
  return { calls: await readTrace(rig.path('trace'), ends), plan, told, moments };
}

const overlaps = (one: ByteRange, other: ByteRange): boolean =>
  one.offset < other.offset + other.length && other.offset < one.offset + one.length;

/** Nothing is told of before a flush has ended that began when all its writes had ended. */
function assertFlushedFirst(moments: readonly Moment[], calls: readonly Call[]): void {
  for (const { done, calls: before } of moments) {
    const changes = (of: readonly Call[]): Call[] =>
      of.filter((call) => ['write', 'zero'].includes(call.does) && overlaps(call, done));
    const own = changes(before);
    // And nothing is written there later.
    expect(changes(calls)).toHaveLength(own.length);
    if (done.state === 'skipped') expect(own).toEqual([]);
    if (own.length === 0) continue;
    const last = Math.max(...own.map(({ ended }) => ended));
    const flushes = before.filter(({ does, began }) => does === 'flush' && began > last);
    expect(flushes.map(({ end }) => end)).toContain('destination');
  }
}

const sorted = (calls: readonly ByteRange[]): ByteRange[] =>
  calls
    .map(({ offset, length }) => ({ offset, length }))
    .sort((one, other) => one.offset - other.offset);

/** The range in requests of a length. */
function requests(each: number): ByteRange[] {
  const end = RANGE.offset + RANGE.length;
  const count = Math.ceil(RANGE.length / each);
  return Array.from({ length: count }, (_, i) => {
    const offset = RANGE.offset + i * each;
    return { offset, length: Math.min(each, end - offset) };
  });
}

const doing = (calls: Call[], does: Call['does']): Call[] => calls.filter((c) => c.does === does);

describe.each([
  ['dd', MIB],
  ['direct', MIB],
  ['file', 4 * MIB],
] as const)('what engine %s does, in requests of %d', (engine, each) => {
  it('reads each byte once, writes it once behind its read, and flushes last', async () => {
    const { calls, told } = await traced(engine);
    expect(sorted(doing(calls, 'read'))).toEqual(requests(each));
    expect(sorted(doing(calls, 'write'))).toEqual(requests(each));
    expect(calls.every((c) => (c.end === 'source') === (c.does === 'read'))).toBe(true);
    for (const thread of new Set(doing(calls, 'write').map((call) => call.thread))) {
      const own = calls.filter((call) => call.thread === thread && call.does !== 'flush');
      own.forEach((call, i) => {
        expect(call.does).toBe(i % 2 === 0 ? 'read' : 'write');
        const behind = call.does === 'write' ? own[i - 1]?.offset : (own[i - 1]?.offset ?? -1);
        if (call.does === 'write') expect(call.offset).toBe(behind);
        else expect(call.offset).toBeGreaterThan(behind ?? -1);
      });
    }
    expect(calls.at(-1)).toMatchObject({ does: 'flush', end: 'destination' });
    expect(sorted(told).reduce((sum, { length }) => sum + length, 0)).toBe(RANGE.length);
  });
});

describe.each([
  ['dd', 'write'],
  ['dd', 'skip'],
  ['file', 'write'],
  ['direct', 'write'],
  ['direct', 'skip'],
  ['direct', 'discard'],
] as const)('engine %s, zeros: %s', (engine, zeros) => {
  it('tells of bytes after a flush that covers them', async () => {
    const { calls, moments, told } = await traced(engine, zeros, { offset: 7 * MIB, length: MIB });
    expect(told.reduce<ByteRange[]>(addRange, [])).toEqual([RANGE]);
    assertFlushedFirst(moments, calls);
  });
});

describe.each(['dd', 'direct'] as const)('engine %s', (engine) => {
  it('leaves requests of zeros out where the plan says so, and nothing else', async () => {
    const { calls } = await traced(engine, 'skip');
    const zeros = { offset: 5 * MIB, length: MIB };
    expect(sorted(doing(calls, 'read'))).toEqual(requests(MIB));
    const rest = requests(MIB).filter(({ offset }) => offset !== zeros.offset);
    expect(sorted(doing(calls, 'write'))).toEqual(rest);
    expect(calls.at(-1)).toMatchObject({ does: 'flush' });
  });
});

it('engine direct uses several lanes, each a chunk at a time, and flushes on its way', async () => {
  const { calls, plan, told } = await traced('direct');
  const writes = doing(calls, 'write');
  const threads = new Set(writes.map((call) => call.thread)).size;
  expect(threads).toBeGreaterThan(1);
  expect(threads).toBeLessThanOrEqual(plan.maxLanes.value);
  expect(doing(calls, 'flush').length).toBeGreaterThan(1);
  expect(told.every(({ length }) => length <= plan.chunkBytes)).toBe(true);
});

describe('holes of the source', () => {
  const hole = { offset: 7 * MIB, length: 3 * MIB };
  const outside = requests(MIB).filter(
    ({ offset }) => offset < hole.offset || offset >= hole.offset + hole.length,
  );
  const zeros = { offset: 5 * MIB, length: MIB };

  it.each(['skip', 'discard', 'write'] as const)('are never read, zeros: %s', async (handling) => {
    const { calls, told, plan } = await traced('direct', handling, hole);
    expect(plan).toMatchObject({ extents: { value: true }, chunkBytes: MIB });
    expect(sorted(doing(calls, 'read'))).toEqual(outside);
    const written = sorted(doing(calls, 'write'));
    const zeroed = sorted(doing(calls, 'zero')).reduce<ByteRange[]>(addRange, []);
    const dense = outside.filter(({ offset }) => offset !== zeros.offset);
    expect(written).toEqual(handling === 'write' ? requests(MIB) : dense);
    expect(zeroed).toEqual(handling === 'discard' ? [zeros, hole] : []);
    const states = { skip: 'skipped', discard: 'zeroed', write: 'copied' };
    for (const { offset, state } of told) {
      const isDense = dense.some((each) => each.offset === offset);
      expect(state).toBe(isDense ? 'copied' : states[handling]);
    }
    expect(told.map(({ counts = {} }) => counts).reduce(addCounts)).toEqual({
      bytesRead: RANGE.length - hole.length,
      bytesWritten: RANGE.length - (handling === 'write' ? 0 : hole.length + MIB),
      bytesSkipped: handling === 'skip' ? hole.length + MIB : 0,
      bytesZeroed: handling === 'discard' ? hole.length + MIB : 0,
    });
  });

  it('are read up to the data where a request has some', async () => {
    const part = { offset: 7 * MIB + 65_536, length: 2 * MIB };
    const { calls } = await traced('direct', 'skip', part);
    const read = sorted(doing(calls, 'read'));
    expect(read).toContainEqual({ offset: 7 * MIB, length: 65_536 });
    expect(read).toContainEqual({ offset: 9 * MIB + 65_536, length: MIB - 65_536 });
    expect(sumBytes(read)).toBe(RANGE.length - part.length);
  });

  it('are read of both volumes when they are compared', async () => {
    const source = await rig.sparse('a', 12 * MIB);
    const ends = { source, destination: await rig.sparse('b', 12 * MIB) };
    const plan = await planRead({ ends, volumes: VOLUMES, host: LANES });
    const open = await openForReading(ends);
    rig.undo(() => open.close());
    const [limits, { signal }] = [DEFAULT_LIMITS, new AbortController()];
    const start = tracedStarter(open as OpenEnds, rig.path('trace'));
    const all = { offset: 0, length: 12 * MIB };
    const guidance = UNGUIDED;
    const read = { plan, ends, open, volumes: VOLUMES, start, limits, guidance, signal };
    const unheard = { done: () => Promise.resolve(), moved: () => undefined };
    await readBack(read, all, ['source', 'destination'], unheard);
    const calls = await readTrace(rig.path('trace'), ends);
    expect(calls.every(({ does }) => does === 'read')).toBe(true);
    for (const end of ['source', 'destination']) {
      const ranges = calls.filter((call) => call.end === end);
      expect(sumBytes(ranges)).toBe(all.length);
      expect(sorted(ranges).reduce<ByteRange[]>(addRange, [])).toEqual([all]);
    }
  });
});

describe.each(['dd', 'direct', 'file'] as const)('what engine %s does once more', (engine) => {
  afterEach(() => vi.unstubAllEnvs());

  it.each(['kill', 'pause'] as const)(
    'after a %s is what was not flushed before, and nothing else',
    async (how) => {
      const bytes = 12 * MIB + 512;
      const ends = {
        source: await rig.file('a', bytes),
        destination: await rig.file('b', bytes, 0),
      };
      // Each of dd's ranges lasts long enough for a kill that waits.
      const small = engine === 'dd' ? { blockSize: '512' } : {};
      const planned = await rig.plan(ends, { engine, bytesPerSecond: 6 * MIB, ...small });
      const plan = { ...planned, throttle: { value: 'paced' as const, because: 'test' } };
      vi.stubEnv('PATH', await traceCopiers(rig, rig.path('traces')));
      const first = rig.run(plan, ends);
      // strace would wait for ever for one that was killed before it was attached to it.
      const isTraced = (pid: number): boolean => {
        const file = statSync(join(rig.path('traces'), String(pid)), { throwIfNoEntry: false });
        return (file?.size ?? 0) > 0;
      };
      await interrupted(first, { how, from: 0.2, later: 0, left: 0 }, isTraced);
      const before = await tracesIn(rig.path('traces'), ends);
      const journal = join(copierDirectory(rig.state, VOLUMES.destination), 'checkpoint.json');
      const { text } = JSON.parse(await readFile(journal, 'utf8')) as { text: string };
      const { flushed } = JSON.parse(text) as { flushed: ByteRange[] };
      expect(sumBytes(flushed)).toBeGreaterThanOrEqual(0.2 * bytes);
      await rm(rig.path('traces'), { recursive: true });
      await mkdir(rig.path('traces'));
      await runCopy(rig.run(plan, ends, { wishes: rig.wishes({ version: 2 }) }));
      const after = await tracesIn(rig.path('traces'), ends);
      const all = { offset: 0, length: bytes };
      for (const does of ['read', 'write'] as const) {
        const again = doing(after, does);
        expect(again.filter((call) => flushed.some((range) => overlaps(call, range)))).toEqual([]);
        // Each byte once, and with what was there before all of them.
        const merged = again.reduce<ByteRange[]>(addRange, []);
        expect(sumBytes(merged)).toBe(sumBytes(again));
        expect([...flushed, ...merged].reduce<ByteRange[]>(addRange, [])).toEqual([all]);
      }
      const written = doing(before, 'write').reduce<ByteRange[]>(addRange, []);
      if (how === 'pause') expect(written).toEqual(flushed);
      // What may be written twice has a bound.
      else expect(sumBytes(written) - sumBytes(flushed)).toBeLessThanOrEqual(plan.rangeBytes);
      expect(after.at(-1)).toMatchObject({ does: 'flush', end: 'destination' });
    },
    60_000,
  );
});
