import type { FleetState } from '../../contract/fleet.ts';

/** So many ends are looked back on; fewer than these say nothing. */
export const RECENT = 32;
const FEWEST = 5;

/**
 * Seconds for what is left, at the pace of the last ends: the slower of volumes and bytes counts,
 * since small volumes cost their attaching and large ones their bytes.
 */
export function etaSeconds(
  recent: FleetState['recent'],
  left: { volumes: number; bytes: number },
): number | undefined {
  const [first, last] = [recent[0], recent.at(-1)];
  if (first === undefined || last === undefined || recent.length < FEWEST) return undefined;
  const seconds = (last[0] - first[0]) / 1000;
  const bytes = recent.slice(1).reduce((sum, [, size]) => sum + size, 0);
  if (seconds === 0) return undefined;
  const byVolumes = (left.volumes / (recent.length - 1)) * seconds;
  const byBytes = bytes === 0 ? 0 : (left.bytes / bytes) * seconds;
  return Math.round(Math.max(byVolumes, byBytes));
}
