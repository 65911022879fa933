import { DrayError } from '../../contract/errors.ts';

/**
 * Runs an act every second until it is stopped, one at a time. What goes wrong is logged once
 * until it changes, and tried again.
 */
export class Watch {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #busy = false;
  #complaint: string | undefined;

  constructor(
    readonly act: () => Promise<void>,
    readonly warn: (message: string, facts: Record<string, unknown>) => void,
  ) {}

  start(): void {
    this.#timer ??= setInterval(() => {
      if (!this.#busy) this.#running = this.#once();
    }, 1000).unref();
  }

  /** Returns when the act that may be under way has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#running;
  }

  async #once(): Promise<void> {
    this.#busy = true;
    try {
      await this.act();
      this.#complaint = undefined;
    } catch (error) {
      const because = (error as Error).message;
      if (because !== this.#complaint) this.warn('watch over exports failed', { because });
      this.#complaint = because;
      // A newer worker watches now.
      if (error instanceof DrayError && error.code === 'WorkerSuperseded') {
        clearInterval(this.#timer);
      }
    } finally {
      this.#busy = false;
    }
  }
}
