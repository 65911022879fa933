import { createHash, type Hash } from 'node:crypto';

const ZEROS = Buffer.alloc(2 ** 20);
/** A volume has few lengths of chunks: one, and its tail's. */
const digestsOfZeros = new Map<number, string>();

function addZeros(hash: Hash, length: number): Hash {
  for (let rest = length; rest > 0; rest -= ZEROS.length) {
    hash.update(rest < ZEROS.length ? ZEROS.subarray(0, rest) : ZEROS);
  }
  return hash;
}

function digestOfZeros(length: number): string {
  const known = digestsOfZeros.get(length);
  if (known !== undefined) return known;
  const made = addZeros(createHash('sha256'), length).digest('hex');
  digestsOfZeros.set(length, made);
  return made;
}

/** SHA-256 of one chunk as it is read; one that is all zeros costs nothing. */
export class ChunkDigest {
  #hash: Hash | undefined;
  #leadingZeros = 0;

  /** As many zeros. */
  skip(length: number): void {
    if (this.#hash === undefined) this.#leadingZeros += length;
    else addZeros(this.#hash, length);
  }

  /** `isZero`: whether all bytes are. */
  update(bytes: Uint8Array, isZero: boolean): void {
    if (isZero) {
      this.skip(bytes.length);
      return;
    }
    this.#hash ??= addZeros(createHash('sha256'), this.#leadingZeros);
    this.#hash.update(bytes);
  }

  /** As hexadecimal. */
  end(): string {
    return this.#hash?.digest('hex') ?? digestOfZeros(this.#leadingZeros);
  }
}
