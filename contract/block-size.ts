import { DrayError } from './errors.ts';

const UNITS: Record<string, number> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
/** Linux moves at most this much in one read(2); a larger block would come out short. */
const MAX_BLOCK_BYTES = 0x7ffff000;

/**
 * Bytes of a block size in dd's notation: a whole number and K, M, G or T (powers of 1024).
 *
 * Accepted is what both Cinder (`_check_blocksize`: no leading - or 0, no dot, and oslo's
 * string_to_bytes must read `<text>B`) and GNU dd take. So `1k` (oslo refuses it), `1Mi` (dd
 * refuses it) and `1MB` (oslo refuses it) are not. Cinder replaces a bad one silently by 1M.
 * @throws BadBlockSize
 */
export function parseBlockSize(text: string): number {
  const bad = (because: string): DrayError =>
    new DrayError('BadBlockSize', { blockSize: text, because });
  if (text === '') throw bad('it is empty');
  if (/^\+?0+[KMGT]?$/.test(text)) throw bad('it must be at least one byte');
  const match = /^\+?([1-9]\d*)([KMGT]?)$/.exec(text);
  if (match === null) throw bad('it must be a whole number with K, M, G, T or no unit');
  const bytes = Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
  if (bytes > MAX_BLOCK_BYTES) throw bad(`one request moves at most ${MAX_BLOCK_BYTES} bytes`);
  return bytes;
}
