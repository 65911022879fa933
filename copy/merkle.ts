import { hash } from 'node:crypto';

const HASH_BYTES = 32;
const [LEAF, NODE] = [Buffer.of(0), Buffer.of(1)];

function hashOf(...parts: readonly Uint8Array[]): Buffer {
  return hash('sha256', Buffer.concat(parts), 'buffer');
}

const EMPTY_LEAF = hashOf(LEAF);

/**
 * The hash tree of RFC 9162 §2.1 over leaves at fixed places, empty ones included. A root costs the
 * ways up from the leaves that were set since the one before, so that it can be had after every flush.
 */
export class MerkleTree {
  /** Hashes level by level, leaves first; one without a neighbour goes up as it is. */
  readonly #levels: Buffer[];
  /** Places of leaves that the levels above do not know yet. */
  #changed = new Set<number>();

  /** `leaves` in order; an empty one has no bytes. */
  constructor(leaves: readonly Uint8Array[]) {
    let level: Buffer = Buffer.alloc(leaves.length * HASH_BYTES);
    leaves.forEach((leaf, index) => {
      level.set(leaf.length === 0 ? EMPTY_LEAF : hashOf(LEAF, leaf), index * HASH_BYTES);
    });
    this.#levels = [level];
    while (level.length > HASH_BYTES) {
      level = levelAbove(level);
      this.#levels.push(level);
    }
  }

  set(index: number, leaf: Uint8Array): void {
    this.#levels[0]?.set(hashOf(LEAF, leaf), index * HASH_BYTES);
    this.#changed.add(index);
  }

  /** In hexadecimal. */
  get root(): string {
    let places = this.#changed;
    this.#changed = new Set();
    for (let i = 1; i < this.#levels.length; i += 1) {
      places = new Set([...places].map((place) => Math.floor(place / 2)));
      for (const place of places) {
        join(this.#levels[i - 1] as Buffer, this.#levels[i] as Buffer, place);
      }
    }
    const top = this.#levels.at(-1) as Buffer;
    return (top.length === 0 ? hashOf() : top).toString('hex');
  }
}

/** Of a large volume most nodes are like the one before: of what was not copied yet, or of holes. */
function levelAbove(below: Buffer): Buffer {
  const above = Buffer.alloc(Math.ceil(below.length / HASH_BYTES / 2) * HASH_BYTES);
  const pairAt = (place: number): Buffer =>
    below.subarray(2 * place * HASH_BYTES, 2 * (place + 1) * HASH_BYTES);
  for (let place = 0; place < above.length / HASH_BYTES; place += 1) {
    const at = place * HASH_BYTES;
    if (place > 0 && pairAt(place).equals(pairAt(place - 1)))
      above.copyWithin(at, at - HASH_BYTES, at);
    else join(below, above, place);
  }
  return above;
}

/** Makes one node of a level from the two below it. */
function join(below: Buffer, above: Buffer, place: number): void {
  const left = below.subarray(2 * place * HASH_BYTES, (2 * place + 1) * HASH_BYTES);
  const right = below.subarray((2 * place + 1) * HASH_BYTES, (2 * place + 2) * HASH_BYTES);
  above.set(right.length === 0 ? left : hashOf(NODE, left, right), place * HASH_BYTES);
}
