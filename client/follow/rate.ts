import type { Beat } from '../temporal/describe.ts';

/** How far back a rate looks. Unit: milliseconds. */
const WINDOW_MILLISECONDS = 30_000;

type Sample = { at: number; bytes: number };

/**
 * The rate at which bytes became done, from the heartbeats themselves: what was only submitted
 * plays no part, so an ETA made from it does not promise what a flush may still take back.
 */
export class Rate {
  private samples: Sample[] = [];

  add({ at }: Beat, bytes: number): void {
    const last = this.samples.at(-1);
    const sample = { at: at.getTime(), bytes };
    if (last !== undefined && bytes < last.bytes) this.samples = [];
    else if (last?.at === sample.at) return;
    this.samples.push(sample);
    this.samples = this.samples.filter((s) => s.at >= sample.at - WINDOW_MILLISECONDS);
  }

  /** Unit: bytes a second. Undefined until two heartbeats have told of progress. */
  get bytesPerSecond(): number | undefined {
    const [first, last] = [this.samples.at(0), this.samples.at(-1)];
    if (first === undefined || last === undefined || last.bytes === first.bytes) return undefined;
    return ((last.bytes - first.bytes) / (last.at - first.at)) * 1000;
  }
}
