import { setTimeout as sleep } from 'node:timers/promises';
import type { Guidance } from '../engine.ts';

/**
 * Keeps an average by waiting after a piece: needs nothing of host or device. Waits until `bytes`,
 * begun at `startedAt` (performance.now()), were slow enough for the pace that holds by then, or
 * until the copy is to be paused.
 */
export async function settle(
  bytes: number,
  guidance: Guidance,
  startedAt: number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const { pace, paused } = guidance;
    if (pace === undefined || paused || signal.aborted) return;
    const rest = startedAt + (bytes / pace) * 1000 - performance.now();
    if (rest <= 0) return;
    const changed = new AbortController();
    const unfollow = guidance.follow(() => changed.abort());
    const ended = AbortSignal.any([signal, changed.signal]);
    // On abort the caller finds the reason in the signal.
    await sleep(rest, undefined, { signal: ended }).catch(() => undefined);
    unfollow();
  }
}

/** About a second's worth in whole requests, at least one, never more than a range. */
export function pieceBytes(bytesPerSecond: number, blockBytes: number, rangeBytes: number): number {
  const blocks = Math.max(1, Math.round(bytesPerSecond / blockBytes));
  return Math.min(blocks * blockBytes, rangeBytes);
}
