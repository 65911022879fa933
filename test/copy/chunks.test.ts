import { randomInt } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import type { ByteRange } from '../../contract/copy.ts';
import { Chunks, type Content, type Stretch } from '../../copy/lanes/chunks.ts';
import { addRange, missingBytes, nextMissing } from '../../copy/ranges.ts';

/** A source with holes, answering late and in any order. */
function contentOf(holes: readonly ByteRange[]): Content {
  return {
    emptyUpTo: async (offset) => {
      for (let wait = randomInt(3); wait > 0; wait -= 1) await new Promise(setImmediate);
      const hole = holes.find(
        (each) => each.offset <= offset && offset < each.offset + each.length,
      );
      return hole === undefined ? offset : hole.offset + hole.length;
    },
    within: () => Promise.resolve(undefined),
  };
}

function chunksOf({ offset, length, chunkBytes }: Stretch): ByteRange[] {
  const count = length / chunkBytes;
  return Array.from({ length: count }, (_, i) => ({
    ...{ offset: offset + i * chunkBytes, length: chunkBytes },
  }));
}

/** Lanes that end in any order, and a parent that records now and then; as copy/lanes/main. */
async function work(
  range: ByteRange,
  chunkBytes: number,
  windowBytes: number,
  lanes: number,
  holes: ByteRange[],
) {
  const chunks = new Chunks(range, chunkBytes, windowBytes, contentOf(holes));
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
      if (chunk.isEmpty) expect(missingBytes(holes, chunk)).toBe(0);
      else expect(chunk.offset + chunk.length - upTo()).toBeLessThanOrEqual(windowBytes);
      given.push(...(chunk.isEmpty ? chunks.stretches(chunk).flatMap(chunksOf) : [chunk]));
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
    const holes = Array.from({ length: randomInt(3) }, () => ({
      ...{ offset: randomInt(0, 400), length: randomInt(1, 200) },
    })).reduce<ByteRange[]>(addRange, []);
    const given = await work(range, chunkBytes, windowBytes, randomInt(1, 6), holes);
    expect(given.reduce<ByteRange[]>(addRange, [])).toEqual([range]);
    expect(given.reduce((sum, { length }) => sum + length, 0)).toBe(range.length);
    for (const { offset, length } of given) {
      expect(Math.floor((offset + length - 1) / chunkBytes)).toBe(Math.floor(offset / chunkBytes));
    }
  }
});

it('gives nothing more once it is stopped, to nobody who waits either', async () => {
  const chunks = new Chunks({ offset: 0, length: 100 }, 10, 20, contentOf([]));
  const held: string[] = [];
  const take = () => chunks.take(() => held.push('held'));
  expect([await take(), await take()]).toMatchObject([
    { offset: 0, length: 10 },
    { offset: 10, length: 10 },
  ]);
  const waiting = take();
  await vi.waitFor(() => expect(held).toEqual(['held']));
  chunks.stop();
  expect([await waiting, await take()]).toEqual([undefined, undefined]);
});
