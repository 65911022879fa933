import type { ByteRange } from '../../contract/copy.ts';
import { wholePages } from './alignment.ts';
import type { Content } from './chunks.ts';
import type { LaneJob } from './job.ts';
import type { SourceMap } from './source-map.ts';
import type { Zeroing } from './zeroing.ts';

const UNKNOWN: Content = {
  emptyUpTo: (offset) => Promise.resolve(offset),
  within: () => Promise.resolve(undefined),
};

/** The first byte of merged ranges from an offset on; undefined behind all of them. */
function firstIn(ranges: readonly ByteRange[], offset: number): number | undefined {
  const next = ranges.find((range) => range.offset + range.length > offset);
  return next === undefined ? undefined : Math.max(offset, next.offset);
}

/**
 * What a job's range holds. Holes need no lane where their zeros may be left out, or once it has
 * shown that the destination makes them.
 */
export function contentOf(
  job: LaneJob,
  map?: SourceMap,
  zeroing?: Pick<Zeroing, 'isAble'>,
): Content {
  if (map === undefined) return UNKNOWN;
  return {
    within: (chunk) => map.within(chunk),
    async emptyUpTo(offset) {
      const data = await map.dataFrom(offset);
      if (job.zeros === 'skip') return Math.min(data, firstIn(job.touched, offset) ?? data);
      // One call at most as long as what else is in doubt: until it ends nobody hears of it.
      const most = Math.min(data, offset + job.windowBytes);
      return zeroing?.isAble === true ? wholePages(most) : offset;
    },
  };
}
