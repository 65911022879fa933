import type { CopyEnds, CopyPlan } from '../contract/copy.ts';
import type { TimeLimits } from '../contract/limits.ts';
import type { Role } from '../contract/volume.ts';
import type { HostState } from '../system/host-state.ts';
import type { Log } from '../system/log.ts';
import type { CopyVolumes } from './ends.ts';
import type { LaneBudget } from './lane-budget.ts';

/** What an attempt at a data step is given, of whichever step. */
export type DataRun = {
  state: HostState;
  /** The same for every attempt and host of one copy. */
  copyId: string;
  /** Ids of both: a checkpoint says nothing of a volume that was free since. */
  reservations: Record<Role, string>;
  /** Unique for each attempt, one line. */
  token: string;
  plan: CopyPlan;
  ends: CopyEnds;
  volumes: CopyVolumes;
  limits: TimeLimits;
  /** Of the host, for all that work there. */
  laneBudget: LaneBudget;
  signal: AbortSignal;
  log: Log;
};
