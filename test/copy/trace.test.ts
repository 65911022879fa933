import { open } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ByteRange, ZeroHandling } from '../../contract/copy.ts';
import type { RangeDone } from '../../copy/chunk-map.ts';
import { openForCopy } from '../../copy/ends.ts';
import { addCounts } from '../../copy/byte-counts.ts';
import { ddEngine } from '../../copy/engines/dd.ts';
import { directEngine } from '../../copy/engines/direct.ts';
import { fileEngine } from '../../copy/engines/file.ts';
import { addRange, sumBytes } from '../../copy/ranges.ts';
import { exec, MIB, Rig, UNGUIDED, VOLUMES } from './rig.ts';
import { type Call, readTrace, tracedStarter } from './trace.ts';

const ENGINES = { dd: ddEngine, direct: directEngine, file: fileEngine };
const RANGE = { offset: 2 * MIB, length: 12 * MIB + 512 };

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

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
  const outcome = await ENGINES[engine].copyRange(RANGE, {
    plan,
    touched: [],
    guidance: UNGUIDED,
    start: tracedStarter(opened, rig.path('trace')),
    signal: new AbortController().signal,
    report: {
      submitted: () => undefined,
      flushed: (done) => Promise.resolve(void told.push(...done)),
      notice: (words) => expect.fail(words),
    },
  });
  expect(outcome.flushed, outcome.words).toBe(true);
  return { calls: await readTrace(rig.path('trace'), ends), plan, told };
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
});
