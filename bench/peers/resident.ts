import { readdirSync, readFileSync } from 'node:fs';

const WATCH_MILLISECONDS = 50;
const KIB = 1024;

type Seen = { parent: number; own: number; ofFiles: number };

/** Numbers of a file of proc(5) with a name and a value a line. */
function numbersIn(file: string): (name: string) => number {
  const text = readFileSync(file, 'utf8');
  return (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

/**
 * Parent of a process and its resident bytes; undefined when it has ended. Its own are shared with its
 * parent until it has become another program, and each has its part of them (Pss).
 */
function look(pid: string): Seen | undefined {
  try {
    const status = numbersIn(`/proc/${pid}/status`);
    const memory = numbersIn(`/proc/${pid}/smaps_rollup`);
    const own = (memory('Pss_Anon') + memory('Pss_Shmem')) * KIB;
    return { parent: status('PPid'), own, ofFiles: status('RssFile') * KIB };
  } catch {
    return undefined;
  }
}

/**
 * Bytes resident now, of a process and all below it. Pages of files are those of the same program for
 * the most part, and in memory once: the most that one process has of them counts.
 */
export function residentBytes(root: number): number {
  const all = new Map<number, Seen>();
  for (const name of readdirSync('/proc')) {
    const seen = /^\d+$/.test(name) ? look(name) : undefined;
    if (seen !== undefined) all.set(Number(name), seen);
  }
  const isBelow = (pid: number): boolean =>
    pid === root || (pid > 1 && isBelow(all.get(pid)?.parent ?? 0));
  const below = [...all].filter(([pid]) => isBelow(pid)).map(([, seen]) => seen);
  const own = below.reduce((sum, seen) => sum + seen.own, 0);
  return own + Math.max(0, ...below.map(({ ofFiles }) => ofFiles));
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
