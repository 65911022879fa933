/** The rate of the last few seconds: a hung target shows as 0, an old burst does not show. */
export class Rate {
  #samples: { at: number; bytes: number }[] = [];

  constructor(private readonly windowSeconds = 5) {}

  /** `bytes`: the total so far. Answers bytes a second. */
  add(bytes: number, nowMs = performance.now()): number {
    this.#samples.push({ at: nowMs, bytes });
    const oldest = nowMs - this.windowSeconds * 1000;
    // One sample before the window stays, as what the window began with.
    while ((this.#samples[1]?.at ?? Infinity) <= oldest) this.#samples.shift();
    const first = this.#samples[0];
    if (first === undefined || nowMs - first.at < 1) return 0;
    return Math.max(0, Math.round(((bytes - first.bytes) / (nowMs - first.at)) * 1000));
  }
}
