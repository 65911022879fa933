import type { ByteRange } from '../../contract/copy.ts';
import { MEDIUM_ERRNOS } from '../errnos.ts';
import { addRange } from '../ranges.ts';
import { ALIGNMENT, wholePages } from './alignment.ts';
import { EndError, type LaneEnd, readAt } from './end.ts';

/**
 * Fills the memory from an offset; a part that cannot be read is halved until it can, or is a page.
 * Answers what is left, merged: it is zeros in the memory. `onPiece`: before each read, of which one
 * may take a disk long. @throws EndError for anything else than a
 * place that cannot be read
 */
export function salvageAt(
  end: LaneEnd,
  memory: Uint8Array,
  offset: number,
  onPiece: () => void,
): ByteRange[] {
  onPiece();
  try {
    readAt(end, memory, offset);
    return [];
  } catch (error) {
    if (!(error instanceof EndError) || !MEDIUM_ERRNOS.has(error.errno ?? '')) throw error;
  }
  const half = wholePages(offset + memory.length / 2) - offset;
  if (memory.length <= ALIGNMENT || half <= 0) {
    memory.fill(0);
    return [{ offset, length: memory.length }];
  }
  const first = salvageAt(end, memory.subarray(0, half), offset, onPiece);
  const second = salvageAt(end, memory.subarray(half), offset + half, onPiece);
  return second.reduce(addRange, first);
}
