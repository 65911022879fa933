import { readFileSync } from 'node:fs';

/** What a tool took. CPU is that of all its processes, and of no daemon of the storage's. */
export type Cost = { seconds: number; cpuSeconds: number };

const TICKS_A_SECOND = 100;
/** Positions behind the program's name in /proc/PID/stat (proc(5): utime, stime, cutime, cstime). */
const OWN = [11, 12];
const OF_CHILDREN = [13, 14];

function ticks(pid: number | 'self', positions: readonly number[]): number {
  const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return positions.reduce((sum, position) => sum + Number(fields[position]), 0);
}

/** CPU seconds of all children of this process that have ended, and of theirs. */
export const cpuOfEnded = (): number => ticks('self', OF_CHILDREN) / TICKS_A_SECOND;

/** CPU seconds of a process and of all its children that have ended. */
export const cpuOf = (pid: number): number => ticks(pid, [...OWN, ...OF_CHILDREN]) / TICKS_A_SECOND;

/** The cost of what starts children and waits for them. Nothing else may end a child meanwhile. */
export async function costOf(act: () => Promise<unknown>): Promise<Cost> {
  const [startedAt, before] = [performance.now(), cpuOfEnded()];
  await act();
  return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: cpuOfEnded() - before };
}
