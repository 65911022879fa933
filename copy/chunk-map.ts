import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import {
  type ByteCounts,
  type ByteRange,
  CHUNK_REPEATED,
  CHUNK_STATES,
  type ChunkState,
} from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import { errnoOf } from '../system/atomic-file.ts';
import { MerkleTree } from './merkle.ts';
import { addRange, missingBytes } from './ranges.ts';

/** What was flushed: a whole chunk with its digest, or any other range without one. */
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
const STATE = 0x0f;
const COPIED = CHUNK_STATES.indexOf('copied');
/** Taken from the source after it was copied: by then it may have changed. */
const LATE = 0x20;
const DIGESTED = 0x40;
const NOTHING = Buffer.alloc(0);

/** The chunks of a volume: the same grid for copy, digests and verify. */
export type Grid = { bytesTotal: number; chunkBytes: number };

/** Of a record: what is torn, damaged or of another copy does not have it. */
function checkOf(copyId: string, index: number, record: Buffer): Buffer {
  const content = record.subarray(0, 1 + DIGEST_BYTES);
  const hash = createHash('sha256').update(`${copyId} ${index} `).update(content).digest();
  return hash.subarray(0, CHECK_BYTES);
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
   * gets how many there were. @throws StateUnwritable, StorageFull
   */
  static async open(
    directory: string,
    grid: Grid,
    { copyId, flushed }: { copyId: string; flushed: readonly ByteRange[] },
    onNotice: (notice: string) => void,
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
          const isFlushed = missingBytes(flushed, chunkAt(grid, index)) === 0;
          const check = record.subarray(1 + DIGEST_BYTES);
          const isWhole = check.equals(checkOf(copyId, index, record));
          if (isFlushed && isWhole) continue;
          if (isFlushed && record.some((byte) => byte !== 0)) damaged += 1;
          record.fill(0);
        }
        if (damaged > 0) onNotice(`the digests of ${damaged} chunks are not used: damaged`);
        return new ChunkMap(file, grid, copyId, records);
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
      const chunk = chunkAt(this.grid, this.#indexOf(offset));
      return chunk.offset === offset && chunk.length === length;
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
  overlapping({ offset, length }: ByteRange): ByteRange[] {
    const first = this.#indexOf(offset);
    const count = this.#indexOf(offset + length - 1) - first + 1;
    return Array.from({ length: count }, (_, i) => chunkAt(this.grid, first + i));
  }

  /** Whole chunks that are copied once more: nothing that was known of them holds. */
  async repeat(chunks: readonly ByteRange[]): Promise<void> {
    await this.#change(chunks, () => ({ flags: CHUNK_REPEATED, digest: undefined }));
  }

  /** One byte a chunk, see CHUNK_STATES and CHUNK_REPEATED; deflated, in base64. */
  async states(flushed: readonly ByteRange[]): Promise<string> {
    const states = Buffer.alloc(this.records.length / RECORD_BYTES);
    for (let index = 0; index < states.length; index += 1) {
      const flags = (this.records[index * RECORD_BYTES] ?? 0) & (STATE | CHUNK_REPEATED);
      // One that was flushed in pieces, or by a program that knows no chunks, has no state here.
      const isCopied = missingBytes(flushed, chunkAt(this.grid, index)) === 0;
      states[index] = (flags & STATE) === 0 && isCopied ? flags | COPIED : flags;
    }
    return (await deflated(states)).toString('base64');
  }

  #indexOf(offset: number): number {
    return Math.floor(offset / this.grid.chunkBytes);
  }

  #leaf(index: number): Uint8Array {
    const at = index * RECORD_BYTES;
    const isThere = ((this.records[at] ?? 0) & DIGESTED) !== 0;
    return isThere ? this.records.subarray(at + 1, at + 1 + DIGEST_BYTES) : NOTHING;
  }

  async #change<T extends ByteRange>(
    chunks: readonly T[],
    change: (flags: number, chunk: T) => { flags: number; digest: string | undefined },
  ): Promise<void> {
    if (chunks.length === 0) return;
    await writing('chunks', async () => {
      let written: ByteRange[] = [];
      for (const chunk of chunks) {
        const index = this.#indexOf(chunk.offset);
        const at = index * RECORD_BYTES;
        const { flags, digest } = change(this.records[at] ?? 0, chunk);
        const record = this.records.subarray(at, at + RECORD_BYTES);
        record.fill(0);
        record[0] = flags;
        if (digest !== undefined) record.write(digest, 1, 'hex');
        record.set(checkOf(this.copyId, index, record), 1 + DIGEST_BYTES);
        this.#tree.set(index, this.#leaf(index));
        written = addRange(written, { offset: at, length: RECORD_BYTES });
      }
      for (const { offset, length } of written) {
        await this.file.write(this.records, offset, length, offset);
      }
      await this.file.datasync();
    });
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
    const because = (error as Error).message;
    if (errnoOf(error) === 'ENOSPC') throw new DrayError('StorageFull', { path }, { cause: error });
    throw new DrayError('StateUnwritable', { path, because }, { cause: error });
  }
}
