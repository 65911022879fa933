import type { Protocol } from './attachment.ts';
import type { ErrorDescription } from './errors.ts';

/** `unneeded`: not there, and nothing that is configured needs it. `unknown`: nobody could look. */
export type FindingState = 'ok' | 'unneeded' | 'warning' | 'wrong' | 'unknown';

/** One thing that was looked at. */
export type Finding = {
  /** Stable, for scripts: `<kind of place>.<what>`, for example `host.clock`. */
  check: string;
  state: FindingState;
  sentence: string;
  /** The command or act that mends it; only of what is not well. */
  mend?: string;
};

/** What was found at one place: `temporal`, `host <id>`, `backend <name>`, `this machine`. */
export type Place = { place: string; findings: Finding[] };

/** What is asked of a host. */
export type HostDuties = {
  /** How volumes come to it that are copied there. */
  connects: Protocol[];
  /** Whether secrets reach or leave it sealed. */
  seals: boolean;
};

export type HostToExamine = HostDuties & { host: string };

/** Argument of the workflow `examine`: only what has a worker to ask. */
export type ExamineInput = { hosts: HostToExamine[]; backends: string[] };

/** Sealing keys of a host, by id. */
export type KeysOfHost = { seals?: string; opens: string[] };

/** What a host says of itself. `clockMs`: its time when asked, in ms since 1970. */
export type HostReport = { clockMs: number; keys: KeysOfHost; findings: Finding[] };

/** Of one host; without keys where it gave no answer. */
export type HostExamination = { host: string; keys?: KeysOfHost; findings: Finding[] };

/** Result of the workflow `examine`. */
export type Examination = {
  hosts: HostExamination[];
  backends: { backend: string; findings: Finding[] }[];
};

export function well(check: string, sentence: string): Finding {
  return { check, state: 'ok', sentence };
}

export function unneeded(check: string, sentence: string): Finding {
  return { check, state: 'unneeded', sentence };
}

export function wrong(check: string, sentence: string, mend: string): Finding {
  return { check, state: 'wrong', sentence, mend };
}

export function warning(check: string, sentence: string, mend: string): Finding {
  return { check, state: 'warning', sentence, mend };
}

/** An error of the catalogue as what is wrong. */
export function failed(
  check: string,
  { message, whatToDo }: Pick<ErrorDescription, 'message' | 'whatToDo'>,
): Finding {
  return wrong(check, message, whatToDo);
}
