/** Every time limit of the workflow, in seconds. All of them are configuration. */
export type TimeLimits = {
  /** Silence after which a worker that runs a step is taken for dead. */
  heartbeatSeconds: number;
  /** The longest one attempt of a step may take; data steps have none. */
  stepSeconds: number;
  /** How long a step may wait for a worker before its host or backend counts as gone. */
  scheduleToStartSeconds: number;
  /** How long automatic retries go on before a step is parked; data steps: without a byte more. */
  patienceSeconds: number;
  /** A retry waits this long at first and twice as long each time, */
  retryInitialSeconds: number;
  /** up to this. */
  retryMaximumSeconds: number;
};

export const DEFAULT_LIMITS: TimeLimits = {
  heartbeatSeconds: 15,
  stepSeconds: 300,
  scheduleToStartSeconds: 180,
  patienceSeconds: 120,
  retryInitialSeconds: 1,
  retryMaximumSeconds: 10,
};

/** A data step parks only after this many attempts without a byte more; so do losses in a row. */
export const STALL_ATTEMPTS = 5;

/** A data step that moves no byte for so many heartbeat timeouts is stalled, and says so. */
export const STALL_HEARTBEATS = 4;

/** Attempts that fill `patienceSeconds` with the waits between them; at least 2. */
export function attemptsWithin(limits: TimeLimits): number {
  let [attempts, waited, wait] = [1, 0, limits.retryInitialSeconds];
  while (waited < limits.patienceSeconds) {
    waited += wait;
    wait = Math.min(wait * 2, limits.retryMaximumSeconds);
    attempts += 1;
  }
  return Math.max(attempts, 2);
}
