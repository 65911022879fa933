import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';

/** Works with a lane until it is wanted no more, or nothing is left to do. */
export type DriveLane = (lane: Worker, isWanted: () => boolean) => Promise<void>;

/** Lanes of which more or fewer may be wanted: a thread starts when it is wanted first, and stays. */
export class Pool {
  #wanted = 0;
  #busy = 0;
  readonly #threads: Promise<Worker>[] = [];
  readonly #driven = new Set<number>();
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  /** Once no lane is driven, because nothing is left; rejects with what a drive threw. */
  readonly ended = new Promise<void>((resolve, reject) => {
    [this.#resolve, this.#reject] = [resolve, reject];
  });

  /** `start` answers a thread, of that number from 0, that sends a message when it can be driven. */
  constructor(
    private readonly start: (index: number) => Worker,
    private readonly drive: DriveLane,
  ) {}

  /** Lanes that are driven and whose thread is there. */
  get busy(): number {
    return this.#busy;
  }

  /** At least one. Those beyond are told so the next time they ask. */
  want(lanes: number): void {
    this.#wanted = lanes;
    for (let index = 0; index < lanes; index += 1) {
      if (!this.#driven.has(index)) void this.#run(index).catch(this.#reject);
    }
  }

  async #run(index: number): Promise<void> {
    this.#driven.add(index);
    const lane = await (this.#threads[index] ??= this.#ready(index));
    // Those that start together begin together: none takes all that there is meanwhile.
    await Promise.all(this.#threads);
    this.#busy += 1;
    await this.drive(lane, () => index < this.#wanted);
    this.#busy -= 1;
    this.#driven.delete(index);
    if (this.#driven.size === 0) this.#resolve();
  }

  async #ready(index: number): Promise<Worker> {
    const lane = this.start(index);
    await once(lane, 'message');
    return lane;
  }
}
