import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ByteRange } from '../../contract/copy.ts';
import { DEFAULT_LIMITS } from '../../contract/limits.ts';
import { runCopy } from '../../copy/copier.ts';
import { copierDirectory } from '../../copy/lease.ts';
import { addRange, areMerged, nextMissing, sumBytes } from '../../copy/ranges.ts';
import { copyThrough } from './interrupted.ts';
import { codeOf, digest, MIB, Rig, VOLUMES } from './rig.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

const checkpointFile = (): string =>
  join(copierDirectory(rig.state, VOLUMES.destination), 'checkpoint.json');

async function ends(bytes: number) {
  return { source: await rig.file('a', bytes), destination: await rig.file('b', bytes, 0xaa) };
}

it('goes on after SIGKILL of the copier at any point, and says what it moved again', async () => {
  const both = await ends(6 * MIB + 512);
  const plan = await rig.plan(both, { blockSize: '512' });
  const kills = [0, 0.2, 0.5].map((from) => ({ how: 'kill', from, later: 9, left: 0 }) as const);
  const result = await copyThrough(kills, () => rig.run(plan, both));
  expect(result.attempts).toBe(kills.length + 1);
  expect(result.bytesCopiedAgain).toBeLessThanOrEqual(kills.length * plan.rangeBytes);
  expect(await digest(both.destination.path)).toBe(await digest(both.source.path));
});

it('goes on with several lanes after SIGKILL of the copier, within what may be in doubt', async () => {
  const bytes = 24 * MIB + 512;
  const both = await ends(bytes);
  const pace = { value: 'paced' as const, because: 'the test kills it on its way' };
  const planned = await rig.plan(both, { engine: 'direct', bytesPerSecond: 8 * MIB });
  const plan = { ...planned, throttle: pace };
  let kills = 0;
  for (;;) {
    const run = rig.run(plan, both);
    const begun = run.seen;
    let killed = false;
    run.onProgress = (progress) => {
      begun.push(progress);
      const news = progress.bytesFlushed - (begun[0]?.bytesFlushed ?? 0);
      if (kills < 2 && !killed && news > 2 * MIB && progress.copierPid !== undefined) {
        killed = true;
        process.kill(progress.copierPid, 'SIGKILL');
      }
    };
    const result = await runCopy(run).catch((error: unknown) => error as { code?: string });
    if ('bytes' in result) {
      expect(result).toMatchObject({ bytes, attempts: 3 });
      expect(result.bytesCopiedAgain).toBeLessThanOrEqual(2 * plan.rangeBytes);
      break;
    }
    expect(codeOf(result)).toBe('CopierFailed');
    kills += 1;
  }
  expect(await digest(both.destination.path)).toBe(await digest(both.source.path));
});

it('an abort waits for the copier, throws its reason and keeps what was flushed', async () => {
  const both = await ends(8 * MIB);
  const plan = await rig.plan(both, { blockSize: '512' });
  const abort = new AbortController();
  const run = rig.run(plan, both, { signal: abort.signal });
  const pids = new Set<number>();
  run.onProgress = (progress) => {
    if (progress.copierPid !== undefined) pids.add(progress.copierPid);
    if (progress.bytesFlushed >= 2 * MIB) abort.abort(new Error('stop it'));
  };
  await expect(runCopy(run)).rejects.toThrow('stop it');
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  const again = rig.run(plan, both);
  const result = await runCopy(again);
  expect(again.seen[0]?.bytesFlushed).toBeGreaterThanOrEqual(2 * MIB);
  expect(result.attempts).toBe(2);
  expect(await digest(both.destination.path)).toBe(await digest(both.source.path));
});

it('a copy that is stopped between two ranges has nothing to move again', async () => {
  const both = await ends(4 * MIB);
  const paced = { value: 'paced' as const, because: 'the test wants a wait behind each range' };
  const plan = { ...(await rig.plan(both, { bytesPerSecond: 2 * MIB })), throttle: paced };
  const abort = new AbortController();
  const run = rig.run(plan, both, { signal: abort.signal });
  run.onProgress = ({ bytesFlushed }) => {
    if (bytesFlushed > 0) abort.abort(new Error('stop it'));
  };
  await expect(runCopy(run)).rejects.toThrow('stop it');
  expect(await runCopy(rig.run(plan, both))).toMatchObject({ attempts: 2, bytesCopiedAgain: 0 });
});

describe('what a copy goes on from', () => {
  const half = [{ offset: 0, length: 2 * MIB }];
  const heartbeat = {
    bytesFlushed: 2 * MIB,
    bytesSubmitted: 2 * MIB,
    bytesTotal: 4 * MIB,
    bytesPerSecond: 0,
    attempt: 3,
    flushed: half,
  };

  async function startBytes(more: object, prepare?: () => Promise<unknown>) {
    const both = await ends(4 * MIB);
    const plan = await rig.plan(both);
    await prepare?.();
    const run = rig.run(plan, both, more);
    const result = await runCopy(run);
    return { start: run.seen[0]?.bytesFlushed, result, both };
  }

  it('the last heartbeat, on a host without a checkpoint', async () => {
    const { start, result } = await startBytes({ heartbeat });
    expect(start).toBe(2 * MIB);
    expect(result.attempts).toBe(4);
  });

  it.each([
    ['of another size', { ...heartbeat, bytesTotal: 5 * MIB }],
    ['out of bounds', { ...heartbeat, flushed: [{ offset: 0, length: 5 * MIB }] }],
    ['not aligned', { ...heartbeat, flushed: [{ offset: 0, length: 512 }] }],
    ['not a heartbeat', 'junk'],
  ])('nothing, where the heartbeat is %s, and says so', async (_, bad) => {
    expect((await startBytes({ heartbeat: bad })).start).toBe(0);
    expect(rig.notices.join()).toMatch(/heartbeat is not used/);
  });

  it('nothing, where the checkpoint is of another copy, and says so', async () => {
    await startBytes({ copyId: 'older' });
    expect((await startBytes({})).start).toBe(0);
    expect(rig.notices.join()).toMatch(/belongs to copy older/);
  });

  it('nothing, where a volume was free since the checkpoint, and says so', async () => {
    await startBytes({});
    const reservations = { source: 'reserved-1', destination: 'reserved-3' };
    expect((await startBytes({ reservations })).start).toBe(0);
    expect(rig.notices.join()).toMatch(/the destination was free since/);
  });

  it.each([
    ['cut', (path: string) => truncate(path, 40)],
    ['empty', (path: string) => writeFile(path, '')],
    [
      'changed',
      async (path: string) => {
        const text = await readFile(path, 'utf8');
        await writeFile(path, text.replace('4194304', '4194303'));
      },
    ],
    [
      'of a later version',
      async (path: string) => {
        const text = JSON.stringify({ version: 2 });
        const checksum = createHash('sha256').update(text).digest('hex');
        await writeFile(path, JSON.stringify({ checksum, text }));
      },
    ],
  ])('nothing, where the checkpoint is %s, and says so', async (_, damage) => {
    await startBytes({});
    const { start, both } = await startBytes({}, () => damage(checkpointFile()));
    expect(start).toBe(0);
    expect(rig.notices.join()).toMatch(/checkpoint of this destination is not used/);
    expect(await digest(both.destination.path)).toBe(await digest(both.source.path));
  });
});

it('stalls after 5 attempts and the time of patience without a flushed byte', async () => {
  const both = await ends(MIB);
  const plan = await rig.plan(both);
  const limits = { ...DEFAULT_LIMITS, patienceSeconds: 0.001 };
  await truncate(both.source.path, 512);
  const codes: (string | undefined)[] = [];
  for (let i = 0; i < 7; i += 1) {
    codes.push(await runCopy(rig.run(plan, both, { limits })).then(() => 'done', codeOf));
  }
  expect(codes).toEqual([
    ...Array<string>(4).fill('DeviceLost'),
    'CopyStalled',
    ...Array<string>(2).fill('DeviceLost'),
  ]);
});

it('merges ranges and finds what is missing, whatever their order', () => {
  const ranges = fc.array(
    fc.record({ offset: fc.nat(59), length: fc.integer({ min: 1, max: 60 }) }),
  );
  const property = fc.property(fc.integer({ min: 1, max: 60 }), ranges, (total, added) => {
    const flags = Array.from({ length: total }, () => false);
    let merged: ByteRange[] = [];
    for (const { offset, length } of added) {
      const rest = Math.min(length, total - offset);
      if (rest <= 0) continue;
      merged = addRange(merged, { offset, length: rest });
      flags.fill(true, offset, offset + rest);
    }
    expect(areMerged(merged, total, 1)).toBe(true);
    expect(sumBytes(merged)).toBe(flags.filter(Boolean).length);
    const first = flags.indexOf(false);
    const next = nextMissing(merged, total, 5);
    expect(next?.offset ?? -1).toBe(first);
    for (let i = 0; i < (next?.length ?? 0); i += 1) expect(flags[first + i]).toBe(false);
  });
  fc.assert(property, { numRuns: 200 });
});
