import { readFile } from 'node:fs/promises';

/** Clock ticks a second, sysconf(_SC_CLK_TCK): 100 on every Linux of today. */
const TICKS = 100;

/** CPU seconds of a process and of those that it started and that have ended, see proc(5). */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name of the program, in brackets, may have blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number);
  return ((user ?? 0) + (system ?? 0) + (childUser ?? 0) + (childSystem ?? 0)) / TICKS;
}
