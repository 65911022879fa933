import type {
  ByteCounts,
  ByteRange,
  ChunkState,
  LaneSetting,
  OnReadError,
  ZeroHandling,
} from '../../contract/copy.ts';
import type { Role } from '../../contract/volume.ts';
import type { LaneLimits } from './climb.ts';

/** What the program copy/lanes/main does, as JSON in its one argument. Ends: descriptors 3 and 4. */
export type LaneJob = {
  /** `copy` writes the destination and flushes it; `digest` only reads. */
  work: 'copy' | 'digest';
  /** Ends that `digest` reads. */
  reads: Role[];
  range: ByteRange;
  /** Bytes that one lane works on at a time. */
  chunkBytes: number;
  /** Of `copy`: whether chunks are digested as they are read. */
  digests: boolean;
  /** What its lanes stay within while they adapt. */
  limits: LaneLimits;
  /** The most of them from the start, until it is told otherwise. */
  lanes: number;
  /** No chunk is begun that ends further behind what is recorded as done. Unit: bytes. */
  windowBytes: number;
  /** Ends that are opened with O_DIRECT. */
  direct: Record<Role, boolean>;
  /** Whether the source is asked where it has data; its holes are not read then. */
  extents: boolean;
  zeros: ZeroHandling;
  /** Where something may have been written before: zeros are not left out there. Merged. */
  touched: ByteRange[];
  /** Of a copy. */
  onReadError: OnReadError;
  bytesPerSecond?: number;
};

/** What one lane works on. */
export type Chunk = ByteRange & {
  /** Where the source has data, in order; the rest of the chunk is holes. Default: all of it. */
  data?: ByteRange[];
  zeros: ZeroHandling;
};

/** A chunk that was flushed, or read; of holes several equal ones in a row. */
export type ChunkDone = ByteRange & {
  /** SHA-256 of what was read of each end, of each chunk, as hexadecimal: of a copy the source's. */
  digests: Partial<Record<Role, string>>;
  /** Of a copied chunk: what became of it, and its part of what `moved` counts. */
  copied?: {
    state: ChunkState;
    counts: ByteCounts;
    moved: number;
    /** Where the source could not be read and zeros were written, merged. */
    unreadable: ByteRange[];
  };
};

/** What the program tells its parent. */
export type Told =
  | { kind: 'moved'; bytes: number; setting: LaneSetting }
  | { kind: 'done'; chunks: ChunkDone[] }
  | { kind: 'notice'; words: string }
  | { kind: 'failed'; words: string };

/** What its parent tells the program. */
export type Command =
  /** Everything before this byte is recorded as done. */
  | { kind: 'recorded'; upTo: number }
  /** Another rate from now on; null: none. */
  | { kind: 'pace'; bytesPerSecond: number | null }
  /** At most so many lanes from now on; those that are too many end their chunk. */
  | { kind: 'lanes'; most: number }
  /** End where you are, with what was written flushed and told of. */
  | { kind: 'stop' };
