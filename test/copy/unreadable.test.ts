import { readFile, truncate } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OnReadError } from '../../contract/copy.ts';
import { runCopy } from '../../copy/copier.ts';
import { runVerify } from '../../copy/verify.ts';
import { exec, MIB, Rig } from './rig.ts';

const BYTES = 6 * MIB;
const CUT = 3 * MIB + 65_536;
let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

/** A loop device answers EIO behind the end of a file that was cut, and keeps its own size. */
async function damaged(onReadError: OnReadError, engine: 'auto' | 'dd' = 'auto') {
  const file = await rig.file('a', BYTES);
  const content = await readFile(file.path);
  const source = await rig.loop(file);
  const ends = { source, destination: await rig.file('b', BYTES, 0xaa) };
  const options = { onReadError, engine };
  const plan = await rig.plan(ends, options);
  await truncate(file.path, CUT);
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
