import { type ErrorDescription, isWithoutTemporal } from '../contract/errors.ts';

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
  /** Of `dray leaks`: orphans that nothing takes back, or something that nobody can tell. */
  leaks: 8,
  /** Of `dray worker`: nothing of it may go on beside the one that runs now. */
  superseded: 9,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** In words, for `dray --help` and docs/commands.md. */
export const EXIT_MEANINGS: Record<ExitCode, string> = {
  [EXIT.done]: 'done',
  [EXIT.failed]: 'failed',
  [EXIT.usage]: 'usage or bad input',
  [EXIT.waitsForDecision]: 'waits for a decision',
  [EXIT.cancelled]: 'cancelled',
  [EXIT.temporalUnreachable]: 'Temporal cannot be reached',
  [EXIT.unreadable]: 'done but for what could not be read of the source',
  [EXIT.different]: 'the volumes differ',
  [EXIT.leaks]: 'there are orphans that no release takes back, or what nobody can tell',
  [EXIT.superseded]: 'another worker has taken over this host',
};

/** Whoever asked for what cannot be gets 2, also when only the worker could find it out. */
export function exitCodeOf(error: Pick<ErrorDescription, 'code' | 'class'>): ExitCode {
  if (error.code === 'Cancelled') return EXIT.cancelled;
  if (isWithoutTemporal(error.code)) return EXIT.temporalUnreachable;
  return error.class === 'user' ? EXIT.usage : EXIT.failed;
}
