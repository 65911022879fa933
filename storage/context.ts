import type { Epoch } from '../system/epoch.ts';
import type { Log } from '../system/log.ts';

/** What a backend needs of the worker that serves it. */
export type BackendContext = {
  /** Host id of the worker. */
  hostId: string;
  /** Checked right before every change outside. */
  epoch: Epoch;
  /** Directory of the sealing keys. */
  keys: string;
  /** The worker's state directory; remembers which root a backend has. */
  stateRoot: string;
  log: Pick<Log, 'info' | 'warn' | 'error'>;
};
