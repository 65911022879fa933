import { randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import type { ByteRange } from '../../contract/copy.ts';
import { Chunks } from '../../copy/lanes/chunks.ts';
import { addRange, nextMissing } from '../../copy/ranges.ts';

/** Lanes that end in any order, and a parent that records now and then; as copy/lanes/main. */
async function work(range: ByteRange, chunkBytes: number, windowBytes: number, lanes: number) {
  const chunks = new Chunks(range, chunkBytes, windowBytes);
  const end = range.offset + range.length;
  let [written, recorded]: ByteRange[][] = [[], [{ offset: 0, length: range.offset }]];
  const upTo = (): number => nextMissing(recorded ?? [], end, end)?.offset ?? end;
  const given: ByteRange[] = [];
  function record(): void {
    recorded = (written ?? []).reduce(addRange, recorded ?? []);
    written = [];
    chunks.recorded(upTo());
  }
  async function lane(): Promise<void> {
    for (;;) {
      const chunk = await chunks.take(() => (written?.length ? record() : undefined));
      if (chunk === undefined) return;
      expect(chunk.offset + chunk.length - upTo()).toBeLessThanOrEqual(windowBytes);
      given.push(chunk);
      for (let wait = randomInt(5); wait > 0; wait -= 1) await new Promise(setImmediate);
      written?.push(chunk);
      if (chunks.isHeld || randomInt(3) === 0) record();
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane));
  return given;
}

it('gives every byte once, by whole chunks, never ahead of the window, and never stands still', async () => {
  for (let round = 0; round < 300; round += 1) {
    const chunkBytes = randomInt(1, 20);
    const windowBytes = chunkBytes + randomInt(0, 60);
    const range = { offset: randomInt(0, 50), length: randomInt(1, 400) };
    const given = await work(range, chunkBytes, windowBytes, randomInt(1, 6));
    expect(given.reduce<ByteRange[]>(addRange, [])).toEqual([range]);
    expect(given.reduce((sum, { length }) => sum + length, 0)).toBe(range.length);
    for (const { offset, length } of given) {
      expect(Math.floor((offset + length - 1) / chunkBytes)).toBe(Math.floor(offset / chunkBytes));
    }
  }
});

it('gives nothing more once it is stopped, to nobody who waits either', async () => {
  const chunks = new Chunks({ offset: 0, length: 100 }, 10, 20);
  const held: string[] = [];
  const take = () => chunks.take(() => held.push('held'));
  expect([await take(), await take()]).toEqual([
    { offset: 0, length: 10 },
    { offset: 10, length: 10 },
  ]);
  const waiting = take();
  expect(held).toEqual(['held']);
  chunks.stop();
  expect([await waiting, await take()]).toEqual([undefined, undefined]);
});
