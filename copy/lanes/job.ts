import type { ByteRange } from '../../contract/copy.ts';
import type { Role } from '../../contract/volume.ts';

/** What the program copy/lanes/main does, as JSON in its one argument. Ends: descriptors 3 and 4. */
export type LaneJob = {
  /** `copy` writes the destination and flushes it; `compare` only reads both. */
  work: 'copy' | 'compare';
  range: ByteRange;
  /** Bytes that one lane works on at a time. */
  chunkBytes: number;
  /** Bytes of one request. */
  requestBytes: number;
  /** Chunks at a time. */
  lanes: number;
  /** No chunk is begun that ends further behind what is recorded as done. Unit: bytes. */
  windowBytes: number;
  /** Ends that are opened with O_DIRECT. */
  direct: Record<Role, boolean>;
  /** Requests of zeros are not written. */
  skipZeros: boolean;
  bytesPerSecond?: number;
};

/** A chunk that was flushed, or compared. */
export type ChunkDone = ByteRange & {
  /** Of a compared chunk: the first byte of the volume in it that differs. */
  differsAt?: number;
};

/** What the program tells its parent. */
export type Told =
  | { kind: 'moved'; bytes: number }
  | { kind: 'done'; chunks: ChunkDone[] }
  | { kind: 'failed'; words: string };

/** What its parent tells the program: everything before this byte is recorded as done. */
export type Recorded = { upTo: number };
