import type { Role } from './volume.ts';

/** What webhooks are called for. */
export const HOOK_EVENTS = ['run.ended', 'run.stalled', 'run.parked'] as const;
export type HookEvent = (typeof HOOK_EVENTS)[number];

export type RunOutcome = 'done' | 'failed' | 'cancelled';

/** The body of a call (https://www.standardwebhooks.com), the same in every attempt. */
export type HookMessage = {
  type: HookEvent;
  /** When it happened, ISO 8601. */
  timestamp: string;
  data: {
    workflowId: string;
    runId: string;
    /** What the run does, in words. */
    title: string;
    /** Host id of the mover. */
    host: string;
    /** Of `run.ended`. */
    outcome?: RunOutcome;
    /** Of `run.parked`: the step that waits. */
    step?: string;
    /** Code of the error, where there is one. */
    code?: string;
    message: string;
    /** What mends it, in words. */
    whatToDo?: string;
    /** What was left by decision, a sentence each. */
    held: string[];
    /** Commands that help from here, ready to type; `…` and words in capitals are to be replaced. */
    next: string[];
  } & Partial<Record<Role, string>>;
};

/** Argument of `notifyHooks`. */
export type NotifyInput = {
  /** `webhook-id`, by which a receiver knows a message that it has had already. */
  id: string;
  /** Names of hooks: where they are and what they are signed with is known to workers alone. */
  hooks: string[];
  message: HookMessage;
};
