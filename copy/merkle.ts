import { createHash } from 'node:crypto';

const HASH_BYTES = 32;
const [LEAF, NODE] = [Buffer.of(0), Buffer.of(1)];

function hash(prefix: Buffer, ...parts: readonly Uint8Array[]): Buffer {
  const made = createHash('sha256').update(prefix);
  for (const part of parts) made.update(part);
  return made.digest();
}

/**
 * The hash tree of RFC 9162 §2.1 over leaves at fixed places, empty ones included. Setting one
 * costs the way up to the root, so that a root can be had after every flush.
 */
export class MerkleTree {
  /** Hashes level by level, leaves first; one without a neighbour goes up as it is. */
  readonly #levels: Buffer[];

  /** `leaves` in order; an empty one has no bytes. */
  constructor(leaves: readonly Uint8Array[]) {
    let level = Buffer.concat(leaves.map((leaf) => hash(LEAF, leaf)));
    this.#levels = [level];
    while (level.length > HASH_BYTES) {
      const above = Buffer.alloc(Math.ceil(level.length / HASH_BYTES / 2) * HASH_BYTES);
      for (let at = 0; at < above.length; at += HASH_BYTES) join(level, above, at / HASH_BYTES);
      this.#levels.push(above);
      level = above;
    }
  }

  set(index: number, leaf: Uint8Array): void {
    let place = index;
    this.#levels[0]?.set(hash(LEAF, leaf), place * HASH_BYTES);
    for (let i = 1; i < this.#levels.length; i += 1) {
      place = Math.floor(place / 2);
      join(this.#levels[i - 1] as Buffer, this.#levels[i] as Buffer, place);
    }
  }

  /** In hexadecimal. */
  get root(): string {
    const top = this.#levels.at(-1) as Buffer;
    return (top.length === 0 ? createHash('sha256').digest() : top).toString('hex');
  }
}

/** Makes one node of a level from the two below it. */
function join(below: Buffer, above: Buffer, place: number): void {
  const left = below.subarray(2 * place * HASH_BYTES, (2 * place + 1) * HASH_BYTES);
  const right = below.subarray((2 * place + 1) * HASH_BYTES, (2 * place + 2) * HASH_BYTES);
  above.set(right.length === 0 ? left : hash(NODE, left, right), place * HASH_BYTES);
}
