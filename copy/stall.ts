import { DrayError } from '../contract/errors.ts';
import { STALL_ATTEMPTS, type TimeLimits } from '../contract/limits.ts';

export type StallCode = 'CopyStalled' | 'VerifyStalled';

/** Attempts in a row that moved nothing, and when the first of them began (ms since 1970). */
export type Idle = { attempts: number; since: number };

/**
 * The error that parks a data step once there were enough attempts and patience without a byte
 * more; undefined while the step may be tried again, or when its error is none that goes away.
 */
export function stalled(
  code: StallCode,
  error: DrayError,
  { attempts, since }: Idle,
  { patienceSeconds }: TimeLimits,
): DrayError | undefined {
  if (error.class !== 'retry' || attempts < STALL_ATTEMPTS) return undefined;
  const waited = (Date.now() - since) / 1000;
  if (waited < patienceSeconds) return undefined;
  const params = { attempts, seconds: Math.round(waited), because: error.message };
  return new DrayError(code, params, { cause: error });
}
