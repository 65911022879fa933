import { setTimeout as sleep } from 'node:timers/promises';

/** The task's outcome, or `late` when it takes longer: it then goes on unwatched. */
export async function within<T>(seconds: number, task: Promise<T>): Promise<T | 'late'> {
  const timer = new AbortController();
  try {
    const late = sleep(seconds * 1000, 'late' as const, { signal: timer.signal });
    // An aborted sleep rejects when nobody looks at it any more.
    late.catch(() => undefined);
    return await Promise.race([task, late]);
  } finally {
    timer.abort();
  }
}
