import type { CopyProgress } from '../contract/copy.ts';
import type { DataRun } from './data-run.ts';
import type { Wishes } from './steering.ts';

/** One attempt at a copy, as it is asked for. */
export type CopyRun = DataRun & {
  wishes: Wishes;
  /** Details of the last attempt's heartbeat, for a host that has no checkpoint. */
  heartbeat?: unknown;
  onProgress: (progress: CopyProgress) => void;
};

/** The way out of an attempt that was to be paused, not an error; nothing is in doubt. */
export class CopyPaused extends Error {
  constructor(readonly progress: CopyProgress) {
    super('the copy was paused');
  }
}
