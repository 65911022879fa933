import type { Described } from '../temporal/describe.ts';
import { renderBytes, renderSeconds } from '../render/quantities.ts';
import type { PausedStatus } from '../../contract/control.ts';
import type { Rate } from './rate.ts';

/** What a bar or a line shows at one moment. */
export type Snapshot = {
  phase: string;
  /** Bytes that are flushed, or compared. */
  done: number;
  /** Missing as long as nobody knows: no total, no percent. */
  total?: number;
  attempt: number;
  /** False between two attempts: nothing is on its way then. */
  running: boolean;
  /** Why the last attempt failed. */
  lastFailure?: string;
};

/** From the data step that runs now, or from where the copy was paused. */
export function snapshotOf(described: Described, rate: Rate, paused?: PausedStatus): Snapshot {
  if (paused !== undefined) {
    const { bytesFlushed: done, bytesTotal: total } = paused;
    return { phase: 'paused', done, total, attempt: 1, running: false };
  }
  const step = described.steps.find(({ beat }) => beat !== undefined) ?? described.steps[0];
  const { bytesFlushed, bytesCompared, bytesTotal } = step?.beat?.progress ?? {};
  const done = bytesCompared ?? bytesFlushed ?? 0;
  if (step?.beat !== undefined && bytesTotal !== undefined) rate.add(step.beat, done);
  return {
    phase: described.phase,
    done,
    ...(bytesTotal === undefined ? {} : { total: bytesTotal }),
    attempt: step?.attempt ?? 1,
    running: step?.running ?? false,
    ...(step?.lastFailure === undefined ? {} : { lastFailure: step.lastFailure }),
  };
}

/** Everything but the bar, in words. */
export function renderSnapshot(snapshot: Snapshot, rate: Rate): string {
  const { phase, done, total, attempt, running, lastFailure } = snapshot;
  const failed = lastFailure === undefined ? '' : `: ${lastFailure}`;
  const again = attempt > 1 ? `, attempt ${attempt}${failed}` : '';
  if (total === undefined) return `${phase}${again}`;
  const bytesPerSecond = running ? rate.bytesPerSecond : undefined;
  const speed = bytesPerSecond === undefined ? '' : `, ${renderBytes(bytesPerSecond)}/s`;
  const eta =
    bytesPerSecond === undefined || done >= total
      ? ''
      : `, ETA ${renderSeconds((total - done) / bytesPerSecond)}`;
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
  return `${phase} ${percent}% ${renderBytes(done)} of ${renderBytes(total)}${speed}${eta}${again}`;
}
