import { expect, it } from 'vitest';
import { contentOf } from '../../copy/lanes/content.ts';
import type { LaneJob } from '../../copy/lanes/job.ts';
import type { SourceMap } from '../../copy/lanes/source-map.ts';
import { MIB } from './rig.ts';

const HOLE = 2 ** 40;
const map = { dataFrom: () => Promise.resolve(HOLE) } as unknown as SourceMap;
const able = { isAble: true };
const job = (zeros: LaneJob['zeros'], touched: LaneJob['touched'] = []): LaneJob =>
  ({ zeros, touched, windowBytes: 512 * MIB }) as unknown as LaneJob;

it('a hole that has to be zeroed is, a window at a time', async () => {
  const content = contentOf(job('discard'), map, able);
  expect(await content.emptyUpTo(0)).toBe(512 * MIB);
  expect(await content.emptyUpTo(512 * MIB)).toBe(1024 * MIB);
  expect(await content.emptyUpTo(HOLE - MIB)).toBe(HOLE);
});

it('a hole that is left out is passed over at once, up to what was touched', async () => {
  expect(await contentOf(job('skip'), map).emptyUpTo(0)).toBe(HOLE);
  const touched = [{ offset: 7 * MIB, length: MIB }];
  expect(await contentOf(job('skip', touched), map).emptyUpTo(0)).toBe(7 * MIB);
});
