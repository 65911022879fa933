import type { ByteRange, CopyEnds, CopyPlan, Held } from './copy.ts';
import type { TimeLimits } from './limits.ts';
import type { VolumeRef } from './volume.ts';

/** What the argument of the workflow `verifyVolumes` compares a volume with. */
export type VerifyInput = {
  /** The volume of which all bytes are read that the source has. */
  destination: VolumeRef;
  source: VolumeRef;
  /** Host id of the mover that attaches both and reads. */
  host: string;
  limits: TimeLimits;
};

/** What of a plan is about reading. */
export type ReadPlan = Pick<
  CopyPlan,
  | 'engine'
  | 'bytesTotal'
  | 'blockBytes'
  | 'rangeBytes'
  | 'chunkBytes'
  | 'maxLanes'
  | 'minRequestBytes'
  | 'sourceDirect'
  | 'destinationDirect'
>;

/** The ends that are there to be read. */
export type ReadEnds = Partial<CopyEnds>;

/** Result of compareVolumes. */
export type Comparison = {
  equal: boolean;
  /** The source's size: what a larger destination has behind it is not read. */
  bytesCompared: number;
  /** Since the first attempt began. */
  seconds: number;
  /** Where they differ, in whole chunks, merged: the first of them, at most DIFFERENCES_TOLD. */
  differing: ByteRange[];
  /** How many such ranges there are, and the bytes of their chunks. */
  rangesDiffering: number;
  bytesDiffering: number;
  /** Root of the hash tree over the digests of the source's chunks, see ChunkMap; hexadecimal. */
  digestsRoot: string;
};

/** A result has to fit into a workflow's history; a bitmap of all chunks would be another thing. */
export const DIFFERENCES_TOLD = 1000;

/** How a comparison ended; the workflow's result. That they differ is one, and no failure. */
export type VerifyReport = Comparison & {
  mode: 'volumes';
  source: VolumeRef;
  destination: VolumeRef;
  host: string;
  plan: ReadPlan;
  held: Held[];
};
