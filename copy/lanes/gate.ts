const [BUDGET, LIMITED] = [0, 1];
const MOVED = 1;
const [REQUEST_BYTES, HELD_BACK, STOPPED, TICKS, TURNS] = [4, 5, 6, 7, 8];
/** From here on a word for each lane: the number of its chunk, counted from 1; 0: none. */
const CHUNKS = 9;
const WORD_BYTES = 4;
const KIB = 1024;
/** What may be moved at once after a pause. Unit: seconds of the rate. */
const BURST_SECONDS = 0.25;
const WAIT_MILLISECONDS = 100;

/** Whole words, and an even number of them: counts are of two. */
function memoryOf(lanes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * WORD_BYTES * Math.ceil((CHUNKS + lanes) / 2));
}

/**
 * Lets the requests of all lanes pass at no more than a rate, or none, and counts them. Its memory is
 * shared by threads: lanes wait in it, the thread that drives them fills the budget up. Under a rate
 * that so many lanes would take too long for, the chunks that were begun first go first.
 */
export class Gate {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #counts: BigInt64Array<SharedArrayBuffer>;
  #filledAt = performance.now();
  readonly memory: SharedArrayBuffer;

  /** `shared`: how many lanes there may be, or the memory of another thread's gate. */
  constructor(shared: number | SharedArrayBuffer) {
    this.memory = typeof shared === 'number' ? memoryOf(shared) : shared;
    const { memory } = this;
    this.#words = new Int32Array(memory);
    this.#counts = new BigInt64Array(memory);
  }

  /** In a lane: the chunk that it works on from now on, counted from 1; 0: none. */
  enter(lane: number, chunk: number): void {
    Atomics.store(this.#words, CHUNKS + lane, chunk);
  }

  /** Under a rate so many lanes at once may pass, those of the first chunks. */
  set turns(lanes: number) {
    Atomics.store(this.#words, TURNS, lanes);
  }

  /**
   * In a lane, before a request: waits until its bytes may pass, or answers that none may any more.
   * The budget may go into debt.
   */
  pass(lane: number, bytes: number): boolean {
    while (Atomics.load(this.#words, STOPPED) === 0) {
      if (Atomics.load(this.#words, LIMITED) === 0) return true;
      const budget = Atomics.load(this.#words, BUDGET);
      const rest = budget - Math.ceil(bytes / KIB);
      if (budget <= 0 || !this.isTurnOf(lane)) {
        Atomics.store(this.#words, HELD_BACK, 1);
        Atomics.wait(this.#words, BUDGET, budget, WAIT_MILLISECONDS);
      } else if (Atomics.compareExchange(this.#words, BUDGET, budget, rest) === budget) return true;
    }
    return false;
  }

  /** Whether a lane is among those of the first chunks, which may pass under a rate. */
  isTurnOf(lane: number): boolean {
    const own = Atomics.load(this.#words, CHUNKS + lane);
    const others = this.#words.subarray(CHUNKS);
    const ahead = others.filter((chunk) => chunk > 0 && chunk < own).length;
    return ahead < Atomics.load(this.#words, TURNS);
  }

  /** In a lane, after a request. */
  count(bytes: number): void {
    Atomics.add(this.#counts, MOVED, BigInt(bytes));
  }

  /** In a lane, where one request takes many reads: it is at work. */
  tick(): void {
    Atomics.add(this.#words, TICKS, 1);
  }

  /** How often a lane said so; it may wrap around. */
  get ticks(): number {
    return Atomics.load(this.#words, TICKS);
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
