import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Keeps an average by waiting after a piece: needs nothing of host or device. Waits until `bytes`,
 * begun at `startedAt` (performance.now()), were slow enough.
 */
export async function settle(
  bytes: number,
  bytesPerSecond: number,
  startedAt: number,
  signal: AbortSignal,
): Promise<void> {
  const rest = startedAt + (bytes / bytesPerSecond) * 1000 - performance.now();
  if (rest <= 0) return;
  // On abort the caller finds the reason in the signal.
  await sleep(rest, undefined, { signal }).catch(() => undefined);
}

/** About a second's worth in whole requests, at least one, never more than a range. */
export function pieceBytes(bytesPerSecond: number, blockBytes: number, rangeBytes: number): number {
  const blocks = Math.max(1, Math.round(bytesPerSecond / blockBytes));
  return Math.min(blocks * blockBytes, rangeBytes);
}
