import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import {
  type ByteCounts,
  type ByteRange,
  CHUNK_REPEATED,
  CHUNK_STATES,
  type ChunkState,
} from '../contract/copy.ts';
import { STATE_BITS } from '../contract/chunk-states.ts';
import { unwritten } from '../system/state-errors.ts';
import { MerkleTree } from './merkle.ts';
import { addRange, missingBytes } from './ranges.ts';

/** What was flushed: whole chunks with the digest of each, or any other range without one. */
export type RangeDone = ByteRange & {
  /** Default: copied. */
  state?: ChunkState;
  /** SHA-256 of what was read from the source, as hexadecimal. */
  digest?: string;
  /** What its engine could count. Default: nothing. */
  counts?: Partial<ByteCounts>;
  /** Where the source could not be read and zeros were written, merged. Default: nowhere. */
  unreadable?: ByteRange[];
};

const DIGEST_BYTES = 32;
const CHECK_BYTES = 7;
/** One byte of flags, the digest, and a check over both and whose they are. */
const RECORD_BYTES = 1 + DIGEST_BYTES + CHECK_BYTES;
const NO_RECORD = Buffer.alloc(RECORD_BYTES);
const COPIED = CHUNK_STATES.indexOf('copied');
/** Taken from the source after it was copied: by then it may have changed. */
const LATE = 0x20;
const DIGESTED = 0x40;
const NOTHING = Buffer.alloc(0);

/** The chunks of a volume: the same grid for copy, digests and verify. */
export type Grid = { bytesTotal: number; chunkBytes: number };

/** Of a record: what is torn, damaged or of another copy or grid does not have it. */
function checkOf(copyId: string, chunk: ByteRange, record: Buffer): Buffer {
  const content = record.subarray(0, 1 + DIGEST_BYTES);
  const place = `${copyId} ${chunk.offset} ${chunk.length} `;
  const made = hash('sha256', Buffer.concat([Buffer.from(place), content]), 'buffer');
  return made.subarray(0, CHECK_BYTES);
}

const deflated = promisify(deflateRaw);

/**
 * What is known of each chunk beside the checkpoint, in a file with one record a chunk: written in
 * place and flushed before the checkpoint that counts on it. A record of a chunk that the checkpoint
 * does not know as flushed means nothing.
 */
export class ChunkMap {
  readonly #tree: MerkleTree;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly grid: Grid,
    private readonly copyId: string,
    private readonly records: Buffer,
  ) {
    const count = records.length / RECORD_BYTES;
    this.#tree = new MerkleTree(Array.from({ length: count }, (_, index) => this.#leaf(index)));
  }

  /**
   * Reads what is there of chunks that are flushed; a damaged record is forgotten, and `onNotice`
   * gets how many there were. `states`: a byte a chunk, of those that have no record here since
   * another host copied them. @throws StateUnwritable, StorageFull
   */
  static async open(
    directory: string,
    grid: Grid,
    { copyId, flushed }: { copyId: string; flushed: readonly ByteRange[] },
    onNotice: (notice: string) => void,
    states?: Uint8Array,
  ): Promise<ChunkMap> {
    const path = join(directory, 'chunks');
    return writing(path, async () => {
      const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      try {
        const count = Math.ceil(grid.bytesTotal / grid.chunkBytes);
        const records = Buffer.alloc(count * RECORD_BYTES);
        await file.read(records, 0, records.length, 0);
        let damaged = 0;
        for (let index = 0; index < count; index += 1) {
          const record = records.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES);
          if (record.equals(NO_RECORD)) continue;
          const chunk = chunkAt(grid, index);
          const isFlushed = missingBytes(flushed, chunk) === 0;
          const check = record.subarray(1 + DIGEST_BYTES);
          const isWhole = check.equals(checkOf(copyId, chunk, record));
          if (isFlushed && isWhole) continue;
          if (isFlushed) damaged += 1;
          record.fill(0);
        }
        if (damaged > 0)
          onNotice(`the digests of ${damaged} chunks are not used: damaged, or of another grid`);
        const map = new ChunkMap(path, file, grid, copyId, records);
        if (states !== undefined) await map.#adopt(flushed, states);
        return map;
      } catch (error) {
        await file.close();
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  /** Root of the hash tree over all digests, with an empty leaf where there is none. */
  get root(): string {
    return this.#tree.root;
  }

  /** What was read while the chunk was copied, or later from the source; undefined if neither. */
  digestOf(offset: number): { digest: string; isLate: boolean } | undefined {
    const index = this.#indexOf(offset);
    const flags = this.records[index * RECORD_BYTES] ?? 0;
    if ((flags & DIGESTED) === 0) return undefined;
    const digest = Buffer.from(this.#leaf(index)).toString('hex');
    return { digest, isLate: (flags & LATE) !== 0 };
  }

  /** Durable on return. Only whole chunks say something of a chunk. */
  async record(done: readonly RangeDone[]): Promise<void> {
    const whole = done.filter(({ offset, length }) => {
      const { first, last } = this.#placesOf({ offset, length });
      const end = chunkAt(this.grid, last);
      return first * this.grid.chunkBytes === offset && end.offset + end.length === offset + length;
    });
    await this.#change(whole, (before, { state = 'copied', digest }) => ({
      flags:
        (before & CHUNK_REPEATED) |
        CHUNK_STATES.indexOf(state) |
        (digest === undefined ? 0 : DIGESTED),
      digest,
    }));
  }

  /** Digests that were taken from the source once more, of chunks that had none. */
  async recordLate(done: readonly (ByteRange & { digest: string })[]): Promise<void> {
    await this.#change(done, (before, { digest }) => ({ flags: before | LATE | DIGESTED, digest }));
  }

  /** Whether there is a digest of every chunk. */
  get isComplete(): boolean {
    return this.undigested().next().done === true;
  }

  /** The chunks that have no digest. */
  *undigested(): Generator<ByteRange> {
    for (let index = 0; index < this.records.length / RECORD_BYTES; index += 1) {
      const flags = this.records[index * RECORD_BYTES] ?? 0;
      if ((flags & DIGESTED) === 0) yield chunkAt(this.grid, index);
    }
  }

  /** The whole chunks that a range has a part of. */
  overlapping(range: ByteRange): ByteRange[] {
    const { first, last } = this.#placesOf(range);
    return Array.from({ length: last - first + 1 }, (_, i) => chunkAt(this.grid, first + i));
  }

  /** Whole chunks that are copied once more: nothing that was known of them holds. */
  async repeat(chunks: readonly ByteRange[]): Promise<void> {
    await this.#change(chunks, () => ({ flags: CHUNK_REPEATED, digest: undefined }));
  }

  /** One byte a chunk, see CHUNK_STATES and CHUNK_REPEATED; deflated, in base64. */
  async states(flushed: readonly ByteRange[]): Promise<string> {
    const states = Buffer.alloc(this.records.length / RECORD_BYTES);
    for (let index = 0; index < states.length; index += 1) {
      states[index] = (this.records[index * RECORD_BYTES] ?? 0) & (STATE_BITS | CHUNK_REPEATED);
    }
    for (const index of this.#wholeChunks(flushed)) {
      const flags = states[index] ?? 0;
      // One that was flushed in pieces, or by a program that knows no chunks, has no state here.
      if ((flags & STATE_BITS) === 0) states[index] = flags | COPIED;
    }
    return (await deflated(states)).toString('base64');
  }

  /** What another host knew of chunks that are flushed; their digests it has kept. */
  async #adopt(flushed: readonly ByteRange[], states: Uint8Array): Promise<void> {
    const unknown = [...this.#wholeChunks(flushed)].filter(
      (index) => this.records[index * RECORD_BYTES] === 0 && (states[index] ?? 0) > 0,
    );
    await this.#change(
      unknown.map((index) => ({ ...chunkAt(this.grid, index), flags: states[index] ?? 0 })),
      (_, { flags }) => ({ flags, digest: undefined }),
    );
  }

  /** Numbers of the chunks that are in merged ranges as a whole. */
  *#wholeChunks(merged: readonly ByteRange[]): Generator<number> {
    const { bytesTotal, chunkBytes } = this.grid;
    for (const { offset, length } of merged) {
      const end = offset + length;
      const behind =
        end === bytesTotal ? Math.ceil(end / chunkBytes) : Math.floor(end / chunkBytes);
      for (let index = Math.ceil(offset / chunkBytes); index < behind; index += 1) yield index;
    }
  }

  #indexOf(offset: number): number {
    return Math.floor(offset / this.grid.chunkBytes);
  }

  /** Numbers of the first and the last chunk that a range has a part of. */
  #placesOf({ offset, length }: ByteRange): { first: number; last: number } {
    return { first: this.#indexOf(offset), last: this.#indexOf(offset + length - 1) };
  }

  #leaf(index: number): Uint8Array {
    const at = index * RECORD_BYTES;
    const isThere = ((this.records[at] ?? 0) & DIGESTED) !== 0;
    return isThere ? this.records.subarray(at + 1, at + 1 + DIGEST_BYTES) : NOTHING;
  }

  /** `ranges`: whole chunks each. */
  async #change<T extends ByteRange>(
    ranges: readonly T[],
    change: (flags: number, range: T) => { flags: number; digest: string | undefined },
  ): Promise<void> {
    if (ranges.length === 0) return;
    await writing(this.path, async () => {
      let written: ByteRange[] = [];
      for (const range of ranges) {
        const { first, last } = this.#placesOf(range);
        for (let index = first; index <= last; index += 1) {
          const { flags, digest } = change(this.records[index * RECORD_BYTES] ?? 0, range);
          this.#set(index, flags, digest);
        }
        const length = (last - first + 1) * RECORD_BYTES;
        written = addRange(written, { offset: first * RECORD_BYTES, length });
      }
      for (const { offset, length } of written) {
        await this.file.write(this.records, offset, length, offset);
      }
      await this.file.datasync();
    });
  }

  #set(index: number, flags: number, digest: string | undefined): void {
    const at = index * RECORD_BYTES;
    const record = this.records.subarray(at, at + RECORD_BYTES);
    record.fill(0);
    record[0] = flags;
    if (digest !== undefined) record.write(digest, 1, 'hex');
    record.set(checkOf(this.copyId, chunkAt(this.grid, index), record), 1 + DIGEST_BYTES);
    this.#tree.set(index, this.#leaf(index));
  }
}

/** The chunk with a number. */
export function chunkAt({ bytesTotal, chunkBytes }: Grid, index: number): ByteRange {
  const offset = index * chunkBytes;
  return { offset, length: Math.min(chunkBytes, bytesTotal - offset) };
}

async function writing<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw unwritten(dirname(path), error);
  }
}
