import type { ByteRange, CopyPlan, EngineName, LaneSetting } from '../contract/copy.ts';
import type { Role } from '../contract/volume.ts';
import type { RangeDone } from './chunk-map.ts';
import type { StartCopier } from './start-copier.ts';
import type { Exit } from './supervise.ts';

/** What became of one range. Its process has ended. */
export type RangeOutcome = {
  /** All its bytes are on the destination, were flushed and told of. */
  flushed: boolean;
  exit: Exit;
  /** It ended early because the copy is to be paused; what it wrote was flushed and told of. */
  paused?: true;
  /** Bytes handed to the destination; undefined when the program could not say. */
  moved?: number;
  /** The end that failed, and how. */
  failed?: { role: Role; errno: string | undefined };
  /** The program's own last words. */
  words: string;
};

/** What an engine tells while it copies. */
export type RangeReport = {
  /** Bytes of this range handed to the destination, not yet known to be on it; lanes' setting. */
  submitted: (bytes: number, pid: number, setting?: LaneSetting) => void;
  /** After the flush that covers them; on return they are recorded. Called one at a time. */
  flushed: (done: readonly RangeDone[]) => Promise<void>;
  /** Words for the log. */
  notice: (words: string) => void;
};

/** What is wanted of a copier while it works. */
export type Guidance = {
  /** Bytes a second that it has to keep to, where nothing else keeps them. */
  readonly pace: number | undefined;
  readonly paused: boolean;
  /** The most lanes that it may have, if it has any. */
  readonly lanes: number;
  /** Calls back at each change; the answer ends that. */
  follow(listener: () => void): () => void;
};

/** What an engine is given beside the range. */
export type RangeWork = {
  plan: CopyPlan;
  /** Where an earlier attempt may have written: zeros are not left out there. Merged. */
  touched: readonly ByteRange[];
  /** For an engine that streams: it follows each change between its requests. */
  guidance: Guidance;
  start: StartCopier;
  signal: AbortSignal;
  report: RangeReport;
};

/**
 * Copies one range. Plan, checkpoint, throttle, verify and progress stand outside it and are the
 * same for all engines. It answers only after its process has ended.
 */
export interface Engine {
  readonly name: EngineName;
  /**
   * Takes all that is missing at once, tells of each flush, keeps to its guidance and writes
   * nothing the plan's `rangeBytes` behind what was told. Any other is given range by range.
   */
  readonly streams: boolean;
  copyRange(range: ByteRange, work: RangeWork): Promise<RangeOutcome>;
}
