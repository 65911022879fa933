import { inflateRawSync } from 'node:zlib';
import { CHUNK_REPEATED, CHUNK_STATES } from './copy.ts';

/** Of a byte of a chunk's state: its place in CHUNK_STATES. */
export const STATE_BITS = 0x0f;
/** 16 times the chunks of the largest volume foreseen, 16 TiB in chunks of 64 MiB. */
const MOST_CHUNKS = 2 ** 22;

/** A byte a chunk, as `chunkStates` has them (see CopyResult); else why no copy can have written it. */
export function readChunkStates(text: string): Uint8Array | { because: string } {
  let states: Uint8Array;
  try {
    states = inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: MOST_CHUNKS });
  } catch (error) {
    return { because: (error as Error).message };
  }
  const bad = states.find((byte) => (byte & ~CHUNK_REPEATED) >= CHUNK_STATES.length);
  return bad === undefined ? states : { because: `${bad} is no state` };
}
