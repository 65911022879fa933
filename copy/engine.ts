import type { ByteRange, CopyEnds, CopyPlan, EngineName } from '../contract/copy.ts';

/** How much of the running range is where. Unit: bytes of this range. */
export type RangeProgress = { submitted: number; flushed: number };

/**
 * Copies one range. Plan, checkpoint, throttle, verify and progress stand outside it and are the
 * same for all engines. The last value it yields has `flushed` equal to the range's length, and
 * only after the destination was flushed. It returns or throws only after its process has ended.
 */
export interface Engine {
  readonly name: EngineName;
  copyRange(
    range: ByteRange,
    ends: CopyEnds,
    plan: CopyPlan,
    signal: AbortSignal,
  ): AsyncIterable<RangeProgress>;
}
