import { readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OnReadError } from '../../contract/copy.ts';
import { DEFAULT_LIMITS } from '../../contract/limits.ts';
import { runCopy } from '../../copy/copier.ts';
import { assertUnreadable } from '../../copy/failure.ts';
import { copierDirectory } from '../../copy/lease.ts';
import { runVerify } from '../../copy/verify.ts';
import { flip } from '../rig/flip.ts';
import { exec, MIB, Rig, VOLUMES } from './rig.ts';
import { servedByNbdkit } from './served.ts';

const BYTES = 6 * MIB;
const CUT = 3 * MIB + 65_536;
let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

/** A loop device answers EIO behind the end of a file that was cut, and keeps its own size. */
async function damaged(onReadError: OnReadError, engine: 'auto' | 'dd' = 'auto', cut = CUT) {
  const file = await rig.file('a', BYTES);
  const content = await readFile(file.path);
  const source = await rig.loop(file);
  const ends = { source, destination: await rig.file('b', BYTES, 0xaa) };
  const options = { onReadError, engine };
  const plan = await rig.plan(ends, options);
  await truncate(file.path, cut);
  await exec('blockdev', ['--flushbufs', source.path]);
  return { ends, plan, content, file };
}

it('fail: names the error, after what is before the bad place is done', async () => {
  const { ends, plan } = await damaged('fail');
  expect(plan.engine.value).toBe('direct');
  const run = rig.run(plan, ends);
  await expect(runCopy(run)).rejects.toMatchObject({ code: 'SourceUnreadable' });
});

it('retry-smaller: reads what can be read, and names the first bytes that cannot', async () => {
  const { ends, plan, content } = await damaged('retry-smaller');
  const error: unknown = await runCopy(rig.run(plan, ends)).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'SourceUnreadable' });
  expect(String(error)).toMatch(/error reading \d+ bytes at \d+ of/);
  const [, length, offset] = /reading (\d+) bytes at (\d+) of/.exec(String(error)) ?? [];
  expect(Number(offset)).toBeGreaterThanOrEqual(CUT);
  expect(Number(offset) + Number(length)).toBeLessThanOrEqual(BYTES);
  const copied = await readFile(ends.destination.path);
  expect(copied.subarray(0, 3 * MIB).equals(content.subarray(0, 3 * MIB))).toBe(true);
});

it('verify tells what differs, also where the rest cannot be read any more', async () => {
  const file = await rig.file('a', BYTES);
  const source = await rig.loop(file);
  const ends = { source, destination: await rig.file('b', BYTES, 0xaa) };
  const plan = await rig.plan(ends, { engine: 'direct' });
  await runCopy(rig.run(plan, ends));
  await flip(ends.destination.path, 512);
  await truncate(file.path, CUT);
  await exec('blockdev', ['--flushbufs', source.path]);
  const differs = { code: 'VerifyFailed', params: { chunks: 1, offset: 0 } };
  await expect(runVerify(rig.verify(plan, ends))).rejects.toMatchObject(differs);
  await runCopy(rig.run(plan, ends));
  await expect(runVerify(rig.verify(plan, ends))).rejects.toMatchObject({
    code: 'SourceUnreadable',
  });
});

describe('record', () => {
  it('writes zeros, lists the bytes, and verify compares what was written', async () => {
    const { ends, plan, content } = await damaged('record');
    const result = await runCopy(rig.run(plan, ends));
    const unreadable = [{ offset: CUT, length: BYTES - CUT }];
    expect(result).toMatchObject({ unreadable, bytesRead: CUT, bytesWritten: BYTES });
    const copied = await readFile(ends.destination.path);
    expect(copied.subarray(0, CUT).equals(content.subarray(0, CUT))).toBe(true);
    expect(copied.subarray(CUT).equals(Buffer.alloc(BYTES - CUT))).toBe(true);
    const verified = await runVerify(rig.verify(plan, ends));
    expect(verified).toMatchObject({ bytesCompared: BYTES, bytesUnreadable: 3 * MIB });
    // The next attempt knows of it.
    expect(await runCopy(rig.run(plan, ends))).toMatchObject({ unreadable });
  });

  it('finds damage on the destination where the source cannot be read, and copies it again', async () => {
    const { ends, plan } = await damaged('record');
    await runCopy(rig.run(plan, ends));
    await exec('dd', [
      ...['if=/dev/urandom', `of=${ends.destination.path}`, 'bs=4096', 'count=1'],
      ...[`seek=${(5 * MIB) / 4096}`, 'conv=notrunc'],
    ]);
    await expect(runVerify(rig.verify(plan, ends))).rejects.toMatchObject({ code: 'VerifyFailed' });
    expect(await runCopy(rig.run(plan, ends))).toMatchObject({ bytesRepaired: plan.chunkBytes });
    await runVerify(rig.verify(plan, ends));
  });

  it.each(['written', 'full'] as const)(
    'copies again what nobody knows any more, where it cannot be read (%s)',
    async (mode) => {
      const { ends, plan } = await damaged('record');
      await runCopy(rig.run(plan, ends));
      await rm(join(copierDirectory(rig.state, VOLUMES.destination), 'chunks'));
      await expect(runVerify(rig.verify(plan, ends, { mode }))).rejects.toMatchObject({
        code: 'VerifyFailed',
      });
      // The chunks that the place is in: what is before it was compared with the source.
      const bytesRepaired = BYTES - Math.floor(CUT / plan.chunkBytes) * plan.chunkBytes;
      expect(await runCopy(rig.run(plan, ends))).toMatchObject({ bytesRepaired });
      const verified = await runVerify(rig.verify(plan, ends, { mode }));
      expect(verified.bytesDigestedLate).toBe(BYTES - bytesRepaired);
    },
  );

  it('goes on while a disk takes its time with what it cannot read', async () => {
    const bad = { offset: BYTES - MIB / 2, length: MIB / 2 };
    const { ends, plan } = await damaged('record', 'auto', bad.offset);
    const slow = ['--filter=delay', 'file', ends.source.path, 'rdelay=50ms'];
    const { device: source } = await servedByNbdkit(rig, ends.source, ...slow);
    const limits = { ...DEFAULT_LIMITS, patienceSeconds: 8 };
    const result = await runCopy(rig.run(plan, { ...ends, source }, { limits }));
    expect(result.unreadable).toEqual([bad]);
    // Longer than a copier may be silent that has not died.
    expect(result.seconds).toBeGreaterThan(8 + plan.rangeBytes / MIB);
  }, 60_000);

  it('tells a bad place from one that can be read once more', async () => {
    const { ends, plan } = await damaged('record');
    const bad = { offset: CUT, length: BYTES - CUT };
    await assertUnreadable([bad], ends.source, plan);
    const back = { offset: 0, length: 2 * bad.length };
    const looked = assertUnreadable([bad, back], ends.source, plan);
    await expect(looked).rejects.toMatchObject({ code: 'DeviceLost', params: { role: 'source' } });
  });

  it('is no way to copy an end that has gone as a whole', async () => {
    const { ends, plan, file } = await damaged('record');
    await truncate(file.path, 0);
    await exec('blockdev', ['--flushbufs', ends.source.path]);
    const lost = { code: 'DeviceLost', params: { role: 'source' } };
    await expect(runCopy(rig.run(plan, ends))).rejects.toMatchObject(lost);
  });
});

it('is refused with an engine that cannot', async () => {
  await expect(damaged('record', 'dd')).rejects.toMatchObject({ code: 'BadOption' });
});

describe('a source that is cut off in mid-copy', () => {
  it.each([
    ['direct', 'data'],
    ['direct', 'hole'],
    ['dd', 'data'],
    ['file', 'data'],
  ] as const)('is never given as done by %s, where a %s was', async (engine, what) => {
    const source = await rig.file('a', 12 * MIB);
    if (what === 'hole') await truncate(source.path, 9 * MIB);
    await truncate(source.path, 12 * MIB);
    const ends = { source, destination: await rig.file('b', 12 * MIB, 0xaa) };
    const planned = await rig.plan(ends, { engine, bytesPerSecond: 6 * MIB });
    const plan = { ...planned, throttle: { value: 'paced' as const, because: 'test' } };
    const run = rig.run(plan, ends);
    let cut: Promise<void> | undefined;
    run.onProgress = ({ bytesFlushed }) => {
      if (bytesFlushed > 2 * MIB) cut ??= truncate(source.path, 10 * MIB);
    };
    await expect(runCopy(run)).rejects.toMatchObject({ code: 'DeviceLost' });
    await cut;
    // Attached anew it is as long as it is now.
    const shorter = { ...ends, source: { ...source, sizeBytes: 10 * MIB } };
    await expect(runCopy(rig.run(plan, shorter))).rejects.toMatchObject({
      code: 'SourceUnreadable',
      params: { because: `it has ${10 * MIB} bytes, of ${12 * MIB} to be copied` },
    });
  });
});
