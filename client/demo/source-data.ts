import { createHash, randomBytes, randomInt } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

export type Written = { bytes: number; runs: number };

const PIECE_BYTES = 2 ** 20;
/** Bytes of random data at the very end: no multiple of any block size. */
const TAIL_BYTES = 333;

const [LEAST_POWER, MOST_POWER] = [9, 23];

/**
 * Small and large alike: a power of two from 512 bytes to 8 MiB and something odd, but at most a
 * 256th of the volume, so that every part of it that is copied at once has about as much data.
 */
function oddLength(sizeBytes: number): number {
  const most = Math.floor(Math.log2(sizeBytes / 256));
  const beyond = Math.min(Math.max(most, LEAST_POWER), MOST_POWER) + 1;
  return 2 ** randomInt(LEAST_POWER, beyond) + randomInt(0, 512);
}

/**
 * Writes runs of random data with holes between them, about half of it data; the first run is at
 * 0 and the last at the end.
 */
export async function fillWithRunsAndHoles(path: string, sizeBytes: number): Promise<Written> {
  const written = { bytes: 0, runs: 0 };
  const file = await open(path, 'r+');
  const write = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at += PIECE_BYTES) {
      const piece = randomBytes(Math.min(PIECE_BYTES, to - at));
      await file.write(piece, 0, piece.length, at);
      written.bytes += piece.length;
    }
    written.runs += 1;
  };
  try {
    const tail = sizeBytes - Math.min(TAIL_BYTES, sizeBytes);
    for (let at = 0; at < tail;) {
      const end = Math.min(at + oddLength(sizeBytes), tail);
      await write(at, end);
      at = end + oddLength(sizeBytes);
    }
    await write(tail, sizeBytes);
    await file.sync();
  } finally {
    await file.close();
  }
  return written;
}

/** SHA-256 of a file in hexadecimal. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: PIECE_BYTES }), hash);
  return hash.digest('hex');
}
