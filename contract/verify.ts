import type { ByteRange, CopyEnds, CopyPlan, Held } from './copy.ts';
import type { TimeLimits } from './limits.ts';
import type { VolumeRef } from './volume.ts';

/** What a certificate, whose signature was found to be valid, says of a copy's bytes. */
export type CertifiedBytes = {
  bytesTotal: number;
  /** Bytes of a chunk, and the root of the hash tree over the digests of all, hexadecimal. */
  chunkBytes: number;
  digestsRoot: string;
  /** Who signed it; `isOwn`: with the key of the host on which the comparison was asked for. */
  signer: { keyId: string; isOwn: boolean };
};

/** What a volume is compared with. */
export type Against = { source: VolumeRef } | { certificate: CertifiedBytes };

/** The argument of the workflow `verifyVolumes`. */
export type VerifyInput = Against & {
  /** The volume of which all bytes are read that the other side has. */
  destination: VolumeRef;
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
  | 'bytesPerSecond'
>;

/** The ends that are there to be read; a certificate has none. */
export type ReadEnds = Partial<CopyEnds>;

/** Result of compareVolumes. */
export type Comparison = {
  equal: boolean;
  /** The source's size, or the certified one: what a larger destination has behind is not read. */
  bytesCompared: number;
  /** Since the first attempt began. */
  seconds: number;
  /**
   * Where they differ, in whole chunks, merged: the first of them, at most DIFFERENCES_TOLD. A
   * certificate has one root and tells no place.
   */
  differing: ByteRange[];
  /** How many such ranges there are, and the bytes of their chunks. */
  rangesDiffering: number;
  bytesDiffering: number;
  /** Root of the hash tree over the digests of what was read, of two volumes the source's. */
  digestsRoot: string;
};

/** A result has to fit into a workflow's history; a bitmap of all chunks would be another thing. */
export const DIFFERENCES_TOLD = 1000;

/** How a comparison ended; the workflow's result. That they differ is one, and no failure. */
export type VerifyReport = Comparison &
  Against & {
    destination: VolumeRef;
    host: string;
    plan: ReadPlan;
    held: Held[];
  };
