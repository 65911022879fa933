import type { CopyOptions } from './copy.ts';
import type { TimeLimits } from './limits.ts';

/** What a fleet's name may look like; it becomes its workflow id and a search attribute. */
export const FLEET_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** One fleet; a larger move is several, as docs/scale.md works out. */
export const MAX_FLEET_VOLUMES = 10_000;
/** A plan travels as one payload beside its state, of which Temporal takes 2 MiB. Unit: bytes. */
export const MAX_PLAN_BYTES = 1_500_000;
/** The most copies that one fleet has at work. */
export const MAX_AT_ONCE = 300;
/** The volumes of this wave go first, and have to be done before any other is touched. */
export const CANARY_WAVE = 0;

/** Copies at work at once; each left out is no limit. */
export type FleetLimits = {
  /** At most MAX_AT_ONCE. */
  total: number;
  /** From or to each backend. */
  perBackend?: number;
  /** On each mover. */
  perHost?: number;
  /** From each backend to each other one. */
  perPair?: number;
  perTenant?: number;
};

/** When no more volumes are begun until a person says so; see `Fleet` in workflows. */
export type StopRule = {
  /** So many volumes failed or parked. */
  failures: number;
  /** Of those that have ended or parked, once there are STOP_SAMPLE of them. */
  percent?: number;
};
export const STOP_SAMPLE = 10;

/** One line of a plan. */
export type PlannedVolume = {
  /** `backend:id`. */
  source: string;
  destination: string;
  /** Host id of the mover. */
  host: string;
  /** Waves go one after the other; CANARY_WAVE first. */
  wave: number;
  /** 1 goes first, 5 last. */
  priority: number;
  /** Whose it is, for the limit of each tenant and for lists. */
  tenant?: string;
  /** As it was when the plan was made. */
  sizeBytes: number;
};

/** Beside its volumes: everything of a plan. */
export type FleetOrder = {
  /** Of this plan: what it has done is not done again when it is started again. */
  id: string;
  name: string;
  /** ISO 8601. */
  madeAt: string;
  options: CopyOptions;
  limits: FleetLimits;
  stop: StopRule;
  /** Times of day in which volumes are begun, as `22:00-06:00`; none: always. */
  windows: string[];
  /** IANA name in which they are meant. */
  timeZone: string;
};

/** The argument of the workflow `fleet`; `state` is missing at the first start. */
export type FleetInput = {
  order: FleetOrder;
  volumes: PackedVolumes;
  /** Of every copy. */
  timeLimits: TimeLimits;
  state?: FleetState;
};

/** Volumes without their repetitions, see contract/fleet-volumes.ts. */
export type PackedVolumes = { names: string[]; rows: PackedVolume[] };
export type PackedVolume = [
  sourceBackend: number,
  sourceId: string,
  destinationBackend: number,
  /** Empty: the source's. */
  destinationId: string,
  host: number,
  wave: number,
  priority: number,
  /** -1 for none. */
  tenant: number,
  sizeBytes: number,
];

/**
 * What has become of a volume. `again`: waits, and what failed before does not count. `parked`: its
 * copy waits for a person, and has given its place to another one.
 */
export const VOLUME_STATES = {
  waiting: 'w',
  again: 'a',
  running: 'r',
  parked: 'p',
  done: 'd',
  failed: 'f',
  cancelled: 'c',
} as const;
export type VolumeState = keyof typeof VOLUME_STATES;

/** Of a volume that failed; `volume` is its place in the plan, from 0. */
export type FleetFailure = { volume: number; code: string; message: string };

/** What somebody wanted of the fleet, or what it did by itself. Times are ISO 8601. */
export type FleetChange = { at: string; change: string; reason?: string };

/** Handed from run to run, and the result of the last one. */
export type FleetState = {
  startedAt: string;
  /** A letter of VOLUME_STATES a volume. */
  letters: string;
  failures: FleetFailure[];
  limits: FleetLimits;
  paused?: { since: string; reason?: string };
  stopped?: { since: string; because: string };
  cancelled?: { since: string; leaveRunning: boolean; reason?: string };
  /** Counts of failures that a person has gone on after do not stop the fleet again. */
  forgiven: { failures: number; ended: number };
  /** Canaries that were not done did not keep a person from going on. */
  canaryPassed: boolean;
  changes: FleetChange[];
  /** The last volumes that were done: milliseconds since 1970, and bytes. */
  recent: [at: number, bytes: number][];
};

export type FleetPhase =
  'running' | 'paused' | 'stopped' | 'outside-window' | 'cancelling' | 'done';

/** Answer of the query `fleetStatus`, and with `phase` done the workflow's result. */
export type FleetStatus = {
  name: string;
  planId: string;
  phase: FleetPhase;
  counts: Record<Exclude<VolumeState, 'again'>, number>;
  volumes: number;
  bytesTotal: number;
  bytesDone: number;
  /** The one at work; the last one at the end. */
  wave: number;
  lastWave: number;
  /** Seconds until all but the parked ones are done; absent while nobody can tell. */
  etaSeconds?: number;
  /** When the next window begins, while none is open. */
  opensAt?: string;
  /** Workflow ids of the copies that are at work, and that wait for a decision. */
  running: string[];
  parked: string[];
  /** The first ones; all are in `state`, by their place in the plan. */
  failed: { workflowId: string; code: string; message: string }[];
  state: FleetState;
};

export const FLEET_STATUS_QUERY = 'fleetStatus';
export const FLEET_UPDATES = ['pause', 'resume', 'resize', 'cancel', 'retry'] as const;
export type FleetUpdate = (typeof FLEET_UPDATES)[number];

/** Arguments of the Updates; a reason is kept. */
export type FleetRequest = { reason?: string };
/** A limit of 0 takes it away; `total` has to be one. */
export type ResizeRequest = FleetRequest & { limits: Partial<FleetLimits> };
/** `leaveRunning`: copies at work go on to their end. */
export type CancelRequest = FleetRequest & { leaveRunning?: boolean };
/** `cancelled`: also the volumes of which the copy was cancelled. */
export type RetryRequest = FleetRequest & { cancelled?: boolean };

/** What an Update answers: false when it was so already, for example by somebody else. */
export type FleetAnswer = { changed: boolean; said: string; phase: FleetPhase };

/** What lookAtCopies finds under the workflow id of a copy. */
export type FoundCopy =
  | { state: 'none' }
  | { state: 'running'; destination: string }
  /** `ofPlan`: begun for this plan, or after it was made, between the same volumes. */
  | { state: 'ended'; ofPlan: boolean; outcome: CopyOutcome };

export type CopyOutcome =
  { state: 'done' | 'cancelled' } | { state: 'failed'; code: string; message: string };

/** A copy that watchCopies looks after. `own`: Temporal tells the fleet of its end by itself. */
export type WatchedCopy = { workflowId: string; own: boolean };
export type WatchInput = { fleet: string; copies: WatchedCopy[]; parked: string[] };
/** `parked`: all that are. */
export type Watched = { ended: [workflowId: string, outcome: CopyOutcome][]; parked: string[] };
