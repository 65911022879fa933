import { SingleBar } from 'cli-progress';
import { note } from '../command.ts';
import { renderSnapshot, type Snapshot } from './progress.ts';
import type { Rate } from './rate.ts';

/** Shows progress on stderr, in the way the terminal can. */
export type Display = { show: (snapshot: Snapshot, rate: Rate) => void; end: () => void };

/** Logs and pipes get a line a phase and one every few seconds. Unit: milliseconds. */
const LINE_MILLISECONDS = 5_000;

function lines(): Display {
  let [shownAt, shownPhase, shown] = [-Infinity, '', ''];
  return {
    show: (snapshot, rate) => {
      const now = performance.now();
      const line = renderSnapshot(snapshot, rate);
      const due = snapshot.phase !== shownPhase || now - shownAt >= LINE_MILLISECONDS;
      if (!due || line === shown) return;
      note(line);
      [shownAt, shownPhase, shown] = [now, snapshot.phase, line];
    },
    end: () => undefined,
  };
}

function bar(): Display {
  const single = new SingleBar({
    format: '[{bar}] {text}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
    emptyOnZero: true,
  });
  let started = false;
  return {
    show: (snapshot, rate) => {
      const text = renderSnapshot(snapshot, rate);
      const [total, done] = [snapshot.total ?? 1, snapshot.total === undefined ? 0 : snapshot.done];
      if (!started) single.start(total, done, { text });
      started = true;
      single.setTotal(total);
      single.update(done, { text });
    },
    end: () => single.stop(),
  };
}

export function openDisplay(): Display {
  return process.stderr.isTTY ? bar() : lines();
}
