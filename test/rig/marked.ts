import { readdir, readFile } from 'node:fs/promises';
import { endProcess, identifyProcess, type ProcessId } from '../../system/processes.ts';

/** In the environment of everything a rig starts and of all that those start. */
export const MARK = 'DRAY_RIG';

export type Marked = ProcessId & { command: string };

/** Living processes that a rig's workers started, or that their children did. */
export async function markedProcesses(mark: string): Promise<Marked[]> {
  const found: Marked[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    // Gone meanwhile, or a kernel thread: neither is ours.
    const environment = await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').some((line) => line.startsWith(`${MARK}=${mark}`))) continue;
    const id = identifyProcess(Number(entry));
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    if (id !== undefined) found.push({ ...id, command: command.split('\0').join(' ').trim() });
  }
  return found;
}

/** SIGKILL for all of them; for what a failed test leaves. */
export async function endMarked(mark: string): Promise<void> {
  for (const found of await markedProcesses(mark)) await endProcess(found, 'SIGKILL', 10);
}
