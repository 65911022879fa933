import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until there is an answer. @throws Error naming what did not come */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { seconds = 60, everyMs = 25 } = {},
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(everyMs);
  }
}
