import type { Client } from '@temporalio/client';
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { Attachment } from '../contract/attachment.ts';
import type { LoadedConfig } from '../system/config/load.ts';
import type { HostState } from '../system/host-state.ts';
import type { Log } from '../system/log.ts';

/** What every role of this process works with. */
export type WorkerContext = {
  connection: NativeConnection;
  client: Client;
  config: LoadedConfig;
  log: Log;
};

/** One role of this process, with what it has opened. */
export type Duty = {
  state: HostState;
  /** Queues of which this worker is the one that serves them. */
  places: string[];
  /** Gives up what was taken from this host while it was lost. */
  giveUp: () => Promise<void>;
  createWorkers: () => Promise<Worker[]>;
  /** What was written down before it was acquired; what cannot be read is told and left out. */
  listAttachments: () => Promise<Attachment[]>;
  close: () => Promise<void>;
};
