import type { ByteCounts } from './copy.ts';

type Counts = Partial<ByteCounts>;

const KEYS = ['bytesRead', 'bytesWritten', 'bytesSkipped', 'bytesZeroed'] as const;

export const NOTHING_COUNTED: ByteCounts = {
  ...{ bytesRead: 0, bytesWritten: 0, bytesSkipped: 0, bytesZeroed: 0 },
};

/** Of an engine that reads and writes every byte. */
export function allWritten(bytes: number): ByteCounts {
  return { ...NOTHING_COUNTED, bytesRead: bytes, bytesWritten: bytes };
}

/** A count that is missing in either is missing in the sum. */
export function addCounts(one: Counts, other: Counts): Counts {
  const sum: Counts = {};
  for (const key of KEYS) {
    const [a, b] = [one[key], other[key]];
    if (a !== undefined && b !== undefined) sum[key] = a + b;
  }
  return sum;
}

/** The counts among other things. */
export function countsIn(whole: Counts): Counts {
  return addCounts(whole, NOTHING_COUNTED);
}
