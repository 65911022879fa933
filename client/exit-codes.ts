import type { ErrorDescription } from '../contract/errors.ts';

/** What `dray` ends with; stable, for scripts. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  waitsForDecision: 3,
  cancelled: 4,
  temporalUnreachable: 5,
  /** Done, but a part of the source could not be read; the result lists it. */
  unreadable: 6,
  /** Of `dray verify`: compared to the end, and not equal. */
  different: 7,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Whoever asked for what cannot be gets 2, also when only the worker could find it out. */
export function exitCodeOf(error: Pick<ErrorDescription, 'code' | 'class'>): ExitCode {
  if (error.code === 'Cancelled') return EXIT.cancelled;
  if (error.code === 'TemporalUnreachable') return EXIT.temporalUnreachable;
  return error.class === 'user' ? EXIT.usage : EXIT.failed;
}
