const queues = new Map<string, Promise<unknown>>();

/**
 * Runs one task a key at a time in this process, in the order of the calls: of a copy attempt
 * and a fence that came after it, the fence has the last word.
 */
export async function oneAtATime<T>(key: string, task: () => Promise<T>): Promise<T> {
  const before = queues.get(key) ?? Promise.resolve();
  const mine = before.then(task, task);
  queues.set(key, mine);
  try {
    return await mine;
  } finally {
    if (queues.get(key) === mine) queues.delete(key);
  }
}
