import type { Content } from './contents.ts';
import type { Cost } from './cost.ts';
import type { Kind } from './jobs.ts';
import type { PeerStorage } from './storages.ts';

/** One tool on one pair in one round: what it took, or why there is no figure. */
export type PeerSample = {
  storage: PeerStorage;
  content: Content;
  /** Bytes of the volume. */
  sizeBytes: number;
  tool: string;
  kind: Kind;
  isDirect: boolean;
  /** Measurements of one round were made side by side: only they are compared. */
  round: number;
} & ({ cost: Cost } | { none: string });
