/** Lets only one act at a time run for a key, in the order of their calls. */
export class Exclusion {
  readonly #tails = new Map<string, Promise<unknown>>();

  async run<T>(key: string, act: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    // What the one before met is its caller's business.
    const mine = before.then(act, act);
    this.#tails.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === mine) this.#tails.delete(key);
    }
  }
}
