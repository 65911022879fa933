import { readdirSync, readFileSync } from 'node:fs';

const WATCH_MILLISECONDS = 50;
const KIB = 1024;

/** Parent and resident bytes of a process; undefined when it has ended. */
function look(pid: string): { parent: number; bytes: number } | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const number = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return { parent: number('PPid'), bytes: number('VmRSS') * KIB };
  } catch {
    return undefined;
  }
}

/** Bytes resident now, of a process and all below it; pages that they share count for each. */
export function residentBytes(root: number): number {
  const all = new Map<number, { parent: number; bytes: number }>();
  for (const name of readdirSync('/proc')) {
    const seen = /^\d+$/.test(name) ? look(name) : undefined;
    if (seen !== undefined) all.set(Number(name), seen);
  }
  const isBelow = (pid: number): boolean =>
    pid === root || (pid > 1 && isBelow(all.get(pid)?.parent ?? 0));
  return [...all].reduce((sum, [pid, { bytes }]) => sum + (isBelow(pid) ? bytes : 0), 0);
}

/** The most that a process and all below it had resident while something was done. Unit: bytes. */
export async function peakResident(root: number, act: () => Promise<void>): Promise<number> {
  let peak = residentBytes(root);
  const watch = setInterval(() => {
    peak = Math.max(peak, residentBytes(root));
  }, WATCH_MILLISECONDS);
  try {
    await act();
  } finally {
    clearInterval(watch);
  }
  return peak;
}
