import type { ByteRange, CopyPlan, EngineName } from '../contract/copy.ts';
import type { Role } from '../contract/volume.ts';
import type { StartCopier } from './start-copier.ts';
import type { Exit } from './supervise.ts';

/** What became of one range. Its process has ended. */
export type RangeOutcome = {
  /** All its bytes are on the destination, and the destination was flushed after them. */
  flushed: boolean;
  exit: Exit;
  /** Bytes handed to the destination; undefined when the program could not say. */
  moved?: number;
  /** The end that failed, and how. */
  failed?: { role: Role; errno: string | undefined };
  /** The program's own last words. */
  words: string;
};

/**
 * Copies one range. Plan, checkpoint, throttle, verify and progress stand outside it and are the
 * same for all engines. It answers only after its process has ended.
 */
export interface Engine {
  readonly name: EngineName;
  /** `onSubmitted`: bytes of this range handed to the destination, not yet known to be on it. */
  copyRange(
    range: ByteRange,
    plan: CopyPlan,
    start: StartCopier,
    signal: AbortSignal,
    onSubmitted: (bytes: number, pid: number) => void,
  ): Promise<RangeOutcome>;
}
