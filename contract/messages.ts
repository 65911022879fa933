import type { Attachment } from './attachment.ts';
import type { ControlChange, CopyControl, PausedStatus } from './control.ts';
import type { Held, LostHost } from './copy.ts';

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

/** A decision that was taken, and what its step had failed with: catalogue code and sentence. */
export type Taken = Decision & { because: string; at: string };

/** The Update answers what was accepted; the Signal answers nothing. */
export const DECIDE_UPDATE = 'decide';
export const DECIDE_SIGNAL = 'decideBySignal';
export const STATUS_QUERY = 'status';

/**
 * Memo of a run: ids of the attachments of lost hosts. A host that is back reads there what is no
 * longer its own, also where no worker could answer a query.
 */
export const LOST_MEMO = 'lostAttachments';

/** Signal of a data step to its own workflow: a few times in a copy, and whenever it stalls. */
export const NEWS_SIGNAL = 'dataNews';

/** How far a data step has come. Times are ISO 8601. */
export type DataNews = {
  at: string;
  /** Who tells: one that was lost may be late. Default: the host of the run. */
  host?: string;
  /** Bytes that are flushed, or compared. */
  done: number;
  total: number;
  /** Since the news before; 0 until something is known. */
  bytesPerSecond: number;
  /** When it is done if it goes on at this rate. */
  until?: string;
  /** It stands still: when the last byte moved. */
  stalledSince?: string;
};

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
  /** Copying or comparing, without a byte for longer than that takes. */
  | 'stalled'
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
  decisions: Taken[];
  /** The last Signal that could not be taken as a decision, and why. */
  refused?: { at: string; because: string };
  /** Of the data step that runs. */
  news?: DataNews;
  /** What may be attached on the host: what an inspection looks at. */
  attachments: Attachment[];
  /** Not released, by decision. */
  held: Held[];
  /** Hosts that were lost so far. */
  lost: LostHost[];
  /** What people want of the copy, and every change of it so far. */
  control: CopyControl;
  controlChanges: ControlChange[];
  /** While the copy stands still. */
  paused?: PausedStatus;
  /** Why the copy is being rolled back, when it is. */
  failure?: { code: string; message: string };
};
