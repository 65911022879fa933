import { note } from '../command.ts';
import { openDisplay } from '../follow/display.ts';
import type { Snapshot } from '../follow/progress.ts';
import type { Rate } from '../follow/rate.ts';

/** Tells people on stderr what happens; a progress bar steps aside for it. */
export class Voice {
  #display: ReturnType<typeof openDisplay> | undefined;

  /** `topic`: one word for the left column. */
  say(topic: string, ...lines: string[]): void {
    this.silence();
    lines.forEach((line, i) => note(`${(i === 0 ? topic : '').padEnd(10)}${line}`));
  }

  progress(snapshot: Snapshot, rate: Rate): void {
    this.#display ??= openDisplay();
    this.#display.show(snapshot, rate);
  }

  /** Takes a bar away. */
  silence(): void {
    this.#display?.end();
    this.#display = undefined;
  }
}
