import { expect, it } from 'vitest';
import { News, type Told } from '../../activities/news.ts';
import type { DataNews } from '../../contract/messages.ts';

const SECOND = 1000;
const START = Date.parse('2026-11-23T08:00:00.000Z');
const at = (seconds: number): string => new Date(START + seconds * SECOND).toISOString();

/** News that is told of, and a clock for it. `deliver` is what becomes of each. */
function newsroom(before?: Told, deliver = () => Promise.resolve()) {
  const told: DataNews[] = [];
  const news = new News({
    patience: 60 * SECOND,
    requestBytes: 100,
    ...(before === undefined ? {} : { before }),
    tell: (each) => {
      told.push(each);
      return deliver();
    },
  });
  const look = async (seconds: number, bytesFlushed: number, other = {}): Promise<number> => {
    await news.look({ bytesFlushed, bytesTotal: 1000, ...other }, START + seconds * SECOND);
    return told.length;
  };
  return { news, told, look };
}

it('tells after every twentieth, not sooner than after 10 s, and foretells the end', async () => {
  const { told, look } = newsroom();
  expect(await look(0, 0)).toBe(0);
  expect(await look(5, 100)).toBe(0);
  expect(await look(10, 100)).toBe(1);
  expect(told[0]).toEqual({
    at: at(10),
    done: 100,
    total: 1000,
    bytesPerSecond: 10,
    until: at(100),
  });
  expect(await look(30, 149)).toBe(1);
  expect(await look(31, 150)).toBe(2);
});

it('tells once that nothing moves, since when, and once that it moves again', async () => {
  const { told, look } = newsroom();
  await look(0, 10);
  expect(await look(60, 10)).toBe(0);
  expect(await look(61, 10)).toBe(1);
  expect(told[0]).toMatchObject({ stalledSince: at(0), done: 10 });
  expect(told[0]).not.toHaveProperty('until');
  expect(await look(300, 10)).toBe(1);
  expect(await look(301, 11)).toBe(2);
  expect(told[1]).not.toHaveProperty('stalledSince');
});

it('tells of a second stall no sooner than after twice the time, if it lasts until then', async () => {
  const { told, look } = newsroom();
  await look(0, 10);
  await look(61, 10);
  await look(62, 11);
  expect(await look(180, 11)).toBe(2);
  expect(await look(181, 11)).toBe(3);
  expect(told[2]).toMatchObject({ stalledSince: at(62) });
});

it('a disk that stands still a thousand times makes news a few times', async () => {
  const { told, look } = newsroom();
  const bytesTotal = 1e6;
  for (let turn = 0; turn < 1000; turn += 1) {
    await look(turn * 70, turn, { bytesTotal });
    await look(turn * 70 + 65, turn, { bytesTotal });
  }
  const stalls = told.filter(({ stalledSince }) => stalledSince !== undefined);
  expect(stalls.length).toBeGreaterThan(5);
  expect(stalls.length).toBeLessThanOrEqual(Math.log2(70_000 / 60) + 1);
  expect(told.length).toBeLessThanOrEqual(2 * stalls.length);
});

it('of a thousand attempts that each move and stop, few are news', async () => {
  let [before, count]: [Told | undefined, number] = [undefined, 0];
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    const { news, told, look } = newsroom(before);
    const start = attempt * 70;
    await look(start, 0, { bytesTotal: 1e6 });
    await look(start + 1, 1, { bytesTotal: 1e6 });
    await look(start + 65, 1, { bytesTotal: 1e6 });
    [before, count] = [news.told, count + told.length];
  }
  expect(count).toBeGreaterThan(5);
  expect(count).toBeLessThanOrEqual(2 * (Math.log2(70_000 / 60) + 1));
});

it('a comparison that begins anew tells of no part twice', async () => {
  const first = newsroom();
  await first.look(0, 0);
  await first.look(10, 500);
  const { look } = newsroom(first.news.told);
  await look(20, 0);
  expect(await look(40, 500)).toBe(0);
  expect(await look(50, 600)).toBe(1);
});

it('what did not arrive is told by the next look, as things are then', async () => {
  let refusals = 2;
  const { told, look } = newsroom(undefined, () => {
    refusals -= 1;
    return refusals >= 0 ? Promise.reject(new Error('away')) : Promise.resolve();
  });
  await look(0, 10);
  await look(61, 10);
  expect(await look(65, 10)).toBe(2);
  expect(await look(66, 11)).toBe(3);
  expect(told.map(({ stalledSince }) => stalledSince)).toEqual([at(0), at(0), undefined]);
  expect(await look(67, 11)).toBe(3);
});

it('tells nothing else before it knows whether the last arrived', async () => {
  let arrive = (): void => undefined;
  const arrival = new Promise<void>((resolve) => (arrive = resolve));
  const { news, told, look } = newsroom(undefined, () => arrival);
  await look(0, 10);
  const telling = look(61, 10);
  // What is being told may arrive even if nobody learns of it.
  expect(news.told.mayBeStalled).toBe(true);
  expect(await look(62, 11)).toBe(1);
  arrive();
  await telling;
  expect(await look(63, 11)).toBe(2);
  expect(told[1]).not.toHaveProperty('stalledSince');
  expect(news.told.mayBeStalled).toBe(false);
});

it('bytes that are only handed to the device are a sign of life, not done', async () => {
  const { told, look } = newsroom();
  await look(0, 0);
  await look(50, 0, { bytesSubmitted: 5 });
  expect(await look(100, 0, { bytesSubmitted: 5 })).toBe(0);
  expect(await look(111, 0, { bytesSubmitted: 5 })).toBe(1);
  expect(told[0]).toMatchObject({ stalledSince: at(50), done: 0 });
});

it('a limit that makes one request wait for minutes is no stall', async () => {
  const { look } = newsroom();
  await look(0, 0, { limit: 1 });
  expect(await look(159, 0, { limit: 1 })).toBe(0);
  expect(await look(161, 0, { limit: 1 })).toBe(1);
});

it('an attempt tells with its first byte that it moves only where one before it stalled', async () => {
  const [stalled, moving] = [newsroom(), newsroom()];
  await stalled.look(0, 10);
  await stalled.look(61, 10);
  await moving.look(0, 10);
  const [after, other] = [newsroom(stalled.news.told), newsroom(moving.news.told)];
  await after.look(70, 10);
  await other.look(70, 10);
  expect(await after.look(71, 10)).toBe(0);
  expect(await after.look(72, 11)).toBe(1);
  expect(after.told[0]).not.toHaveProperty('stalledSince');
  expect(await other.look(72, 11)).toBe(0);
});

it('a comparison is told of by what is compared', async () => {
  const { told, look } = newsroom();
  await look(0, 0, { bytesFlushed: undefined, bytesCompared: 0 });
  await look(10, 0, { bytesFlushed: undefined, bytesCompared: 500 });
  expect(told).toMatchObject([{ done: 500, bytesPerSecond: 50 }]);
});
