const [BUDGET, LIMITED] = [0, 1];
const MOVED = 1;
const [REQUEST_BYTES, HELD_BACK, STOPPED] = [4, 5, 6];
const MEMORY_BYTES = 32;
const KIB = 1024;
/** What may be moved at once after a pause. Unit: seconds of the rate. */
const BURST_SECONDS = 0.25;
const WAIT_MILLISECONDS = 100;

/**
 * Lets the requests of all lanes pass at no more than a rate, or none, and counts them. Its memory is shared
 * by threads: lanes wait in it, the thread that drives them fills the budget up.
 */
export class Gate {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #counts: BigInt64Array<SharedArrayBuffer>;
  #filledAt = performance.now();

  constructor(readonly memory = new SharedArrayBuffer(MEMORY_BYTES)) {
    this.#words = new Int32Array(memory);
    this.#counts = new BigInt64Array(memory);
  }

  /**
   * In a lane, before a request: waits until its bytes may pass, or answers that none may any more.
   * The budget may go into debt.
   */
  pass(bytes: number): boolean {
    while (Atomics.load(this.#words, STOPPED) === 0) {
      if (Atomics.load(this.#words, LIMITED) === 0) return true;
      const budget = Atomics.load(this.#words, BUDGET);
      const rest = budget - Math.ceil(bytes / KIB);
      if (budget <= 0) {
        Atomics.store(this.#words, HELD_BACK, 1);
        Atomics.wait(this.#words, BUDGET, budget, WAIT_MILLISECONDS);
      } else if (Atomics.compareExchange(this.#words, BUDGET, budget, rest) === budget) return true;
    }
    return false;
  }

  /** In a lane, after a request. */
  count(bytes: number): void {
    Atomics.add(this.#counts, MOVED, BigInt(bytes));
  }

  /** Bytes of a request, from each lane's next one on. */
  get requestBytes(): number {
    return Atomics.load(this.#words, REQUEST_BYTES);
  }

  set requestBytes(bytes: number) {
    Atomics.store(this.#words, REQUEST_BYTES, bytes);
  }

  /** Whether a request had to wait since this was asked last. */
  takeHeldBack(): boolean {
    return Atomics.exchange(this.#words, HELD_BACK, 0) === 1;
  }

  /** Bytes of all requests so far. */
  get moved(): number {
    return Number(Atomics.load(this.#counts, MOVED));
  }

  /** By the driving thread: nothing passes any more. */
  stop(): void {
    Atomics.store(this.#words, STOPPED, 1);
    Atomics.notify(this.#words, BUDGET);
  }

  /** By the driving thread, several times a second; undefined: no limit. */
  fill(bytesPerSecond: number | undefined): void {
    const now = performance.now();
    if (bytesPerSecond === undefined) {
      this.#filledAt = now;
      Atomics.store(this.#words, LIMITED, 0);
      Atomics.notify(this.#words, BUDGET);
      return;
    }
    const earned = Math.floor((bytesPerSecond * (now - this.#filledAt)) / 1000 / KIB);
    Atomics.store(this.#words, LIMITED, 1);
    if (earned < 1) return;
    this.#filledAt += (earned * KIB * 1000) / bytesPerSecond;
    const most = Math.max(1, Math.ceil((bytesPerSecond * BURST_SECONDS) / KIB));
    const budget = Atomics.load(this.#words, BUDGET);
    // What is more than a burst was left by a higher rate.
    Atomics.add(this.#words, BUDGET, Math.min(earned, most - budget));
    Atomics.notify(this.#words, BUDGET);
  }
}
