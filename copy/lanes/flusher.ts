import { fdatasync } from 'node:fs';
import { promisify } from 'node:util';
import type { ByteRange } from '../../contract/copy.ts';
import { addRange, reachFrom, sumBytes } from '../ranges.ts';
import { EndError } from './end.ts';
import type { ChunkDone, LaneJob } from './job.ts';

const FLUSH_MILLISECONDS = 1000;
const flush = promisify(fdatasync);

export type FlushWork = {
  /** The destination's. */
  descriptor: number;
  job: Pick<LaneJob, 'range' | 'windowBytes'>;
  /** Whether lanes wait for what is written to be recorded. */
  isHeld: () => boolean;
  onFlushed: (done: ChunkDone[]) => Promise<void>;
  onFailure: (error: EndError) => Promise<never>;
};

/**
 * Flushes what the lanes have written, one flush at a time, and tells of it: soon enough that a slow
 * copy is recorded as it goes.
 */
export class Flusher {
  #written: ChunkDone[] = [];
  #told: ByteRange[] = [];
  #running: Promise<void> | undefined;
  #flushedAt = performance.now();

  constructor(private readonly work: FlushWork) {
    setInterval(() => this.consider(), FLUSH_MILLISECONDS);
  }

  add(done: readonly ChunkDone[]): void {
    this.#written.push(...done);
    this.consider();
  }

  /** Starts one when enough was written, for long enough, or when lanes wait for it. */
  consider(): void {
    const flushable = this.#written.filter(({ copied }) => copied?.state !== 'skipped');
    const isLate = performance.now() - this.#flushedAt >= FLUSH_MILLISECONDS;
    const isDue = sumBytes(flushable) >= this.work.job.windowBytes / 4 || isLate || this.#isAwaited;
    if (this.#running !== undefined || this.#written.length === 0 || !isDue) return;
    this.#running = this.#flush().then(() => {
      this.#running = undefined;
      this.consider();
    });
  }

  async end(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (this.#written.length > 0) await this.#flush();
  }

  /** Lanes that wait go on only when there is no gap before them. */
  get #isAwaited(): boolean {
    const reach = reachFrom(this.#told, this.work.job.range.offset);
    return this.work.isHeld() && this.#written.some(({ offset }) => offset === reach);
  }

  async #flush(): Promise<void> {
    const batch = this.#written;
    this.#written = [];
    try {
      // What was left out has nothing to flush.
      const isIdle = batch.every(({ copied }) => copied?.state === 'skipped');
      if (!isIdle) await flush(this.work.descriptor);
    } catch (error) {
      await this.work.onFailure(new EndError('fdatasync failed for', '/dev/fd/4', error));
    }
    this.#flushedAt = performance.now();
    this.#told = batch.reduce(addRange, this.#told);
    await this.work.onFlushed(batch);
  }
}
