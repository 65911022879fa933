import type { ByteRange } from '../contract/copy.ts';

/** Adds a range to merged ones; the result is sorted, disjoint and merged again. */
export function addRange(merged: readonly ByteRange[], added: ByteRange): ByteRange[] {
  const result: ByteRange[] = [];
  for (const { offset, length } of [...merged, added].sort((a, b) => a.offset - b.offset)) {
    const last = result.at(-1);
    if (last !== undefined && offset <= last.offset + last.length) {
      const end = Math.max(last.offset + last.length, offset + length);
      last.length = end - last.offset;
    } else {
      result.push({ offset, length });
    }
  }
  return result;
}

/** Takes a range out of merged ones. */
export function removeRange(merged: readonly ByteRange[], taken: ByteRange): ByteRange[] {
  const [from, to] = [taken.offset, taken.offset + taken.length];
  return merged.flatMap(({ offset, length }) => {
    const end = offset + length;
    const before = { offset, length: Math.min(end, from) - offset };
    const start = Math.max(offset, to);
    const after = { offset: start, length: end - start };
    return [before, after].filter((rest) => rest.length > 0);
  });
}

/** At most so many ranges that have all of the merged ones in them: the narrowest gaps are filled. */
export function enclosed(merged: readonly ByteRange[], most: number): ByteRange[] {
  const gapBefore = (index: number): number => {
    const [before, range] = [merged[index - 1], merged[index]];
    if (before === undefined || range === undefined) return Infinity;
    return range.offset - (before.offset + before.length);
  };
  const widest = merged
    .map((_, index) => index)
    .sort((a, b) => gapBefore(b) - gapBefore(a))
    .slice(0, most);
  return widest
    .sort((a, b) => a - b)
    .map((first, index, starts) => {
      const offset = merged[first]?.offset ?? 0;
      const last = merged[(starts[index + 1] ?? merged.length) - 1];
      return { offset, length: last === undefined ? 0 : last.offset + last.length - offset };
    });
}

export function sumBytes(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

/** Up to where merged ranges leave no gap behind an offset: that offset where they begin later. */
export function reachFrom(merged: readonly ByteRange[], offset: number): number {
  const [first] = merged;
  return first?.offset === offset ? offset + first.length : offset;
}

/** Bytes of a range that are not among the merged ones. */
export function missingBytes(merged: readonly ByteRange[], { offset, length }: ByteRange): number {
  const end = offset + length;
  const covered = merged.map((range) => {
    const from = Math.max(range.offset, offset);
    return Math.max(0, Math.min(range.offset + range.length, end) - from);
  });
  return length - covered.reduce((sum, bytes) => sum + bytes, 0);
}

/** The first bytes that are missing, at most `most` of them; undefined when none are. */
export function nextMissing(
  merged: readonly ByteRange[],
  bytesTotal: number,
  most: number,
): ByteRange | undefined {
  const first = merged[0];
  const offset = first?.offset === 0 ? first.length : 0;
  const after = merged.find((range) => range.offset > offset);
  const length = Math.min(most, (after?.offset ?? bytesTotal) - offset);
  return length > 0 ? { offset, length } : undefined;
}

/** From the first byte that is missing on, what is there between included; undefined at the end. */
export function windowFrom(
  merged: readonly ByteRange[],
  bytesTotal: number,
  windowBytes: number,
): ByteRange | undefined {
  const first = nextMissing(merged, bytesTotal, windowBytes);
  if (first === undefined) return undefined;
  return { ...first, length: Math.min(windowBytes, bytesTotal - first.offset) };
}

/** Whether ranges that were read from somewhere can be of this volume and its requests. */
export function areMerged(ranges: readonly ByteRange[], bytesTotal: number, block: number) {
  let end = -1;
  return ranges.every(({ offset, length }) => {
    const fits = offset > end && length > 0 && offset % block === 0;
    end = offset + length;
    return fits && end <= bytesTotal && (end % block === 0 || end === bytesTotal);
  });
}
