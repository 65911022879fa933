import type { ControlChange, CopyControl, PausedStatus } from './control.ts';
import type { Held } from './copy.ts';

/** What a person may decide about a parked step. */
export const DECISIONS = ['retry', 'skip', 'force', 'roll-back', 'move'] as const;
export type DecisionKind = (typeof DECISIONS)[number];

/** Argument of the Update `decide` and of the Signal `decideBySignal`. */
export type Decision = {
  /** Name of the parked step, as `dray show` prints it, for example `source.connectVolume`. */
  step: string;
  decision: DecisionKind;
  /** Kept in the history and in the report. */
  reason: string;
  /** For `move`: the host id to go on with. */
  host?: string;
  /** For `force`: the person states that the host is powered off. */
  hostIsOff?: boolean;
};

/** The Update answers what was accepted; the Signal answers nothing. */
export const DECIDE_UPDATE = 'decide';
export const DECIDE_SIGNAL = 'decideBySignal';
export const STATUS_QUERY = 'status';

/** One step that waits for a decision. */
export type ParkedStep = {
  step: string;
  /** Catalogue code of the last failure. */
  code: string;
  message: string;
  whatToDo: string;
  /** ISO 8601. */
  since: string;
  /** The decisions that are accepted for this step. */
  accepts: DecisionKind[];
};

export type Phase =
  | 'preparing'
  | 'attaching'
  | 'copying'
  | 'paused'
  | 'verifying'
  | 'detaching'
  | 'certifying'
  | 'done'
  | 'failed'
  | 'cancelled';

/** Answer of the query `status`. */
export type CopyStatus = {
  phase: Phase;
  host: string;
  parked: ParkedStep[];
  decisions: (Decision & { at: string })[];
  /** Not released, by decision. */
  held: Held[];
  /** What people want of the copy, and every change of it so far. */
  control: CopyControl;
  controlChanges: ControlChange[];
  /** While the copy stands still. */
  paused?: PausedStatus;
  /** Why the copy is being rolled back, when it is. */
  failure?: { code: string; message: string };
};
