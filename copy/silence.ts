import type { TimeLimits } from '../contract/limits.ts';

/** What a flush may take at worst, beyond the patience for a target that is away. */
const SLOWEST_BYTES_PER_SECOND = 2 ** 20;

/** How long a program may say nothing that has this many bytes on their way. */
export function silenceSeconds(bytes: number, { patienceSeconds }: TimeLimits): number {
  return patienceSeconds + bytes / SLOWEST_BYTES_PER_SECOND;
}

/**
 * A copier that says nothing for too long hangs in its device. Its signal then ends the attempt,
 * so that a copy parks in the end instead of waiting for ever.
 */
export class Silence {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;

  constructor(readonly seconds: number) {
    this.#timer = this.#arm();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** There was news, after which it may be silent for longer. */
  broken(moreSeconds = 0): void {
    clearTimeout(this.#timer);
    this.#timer = this.#arm(moreSeconds);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #arm(moreSeconds = 0): NodeJS.Timeout {
    return setTimeout(() => this.#controller.abort(), (this.seconds + moreSeconds) * 1000);
  }
}
