import type { PeerStorage } from './storages.ts';

export type PeerOptions = {
  /** Bytes of data on each source. */
  sizeBytes: number;
  /** How often each tool copies dense volumes; medians are taken. */
  rounds: number;
  storages: readonly PeerStorage[];
  /** Where results are kept as they come; what is there is not measured again. Default: nowhere. */
  keep?: string;
  json: boolean;
  writeDocs: boolean;
};
