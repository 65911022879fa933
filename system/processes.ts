import { readFileSync } from 'node:fs';
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrayError } from '../contract/errors.ts';
import { errnoOf } from './atomic-file.ts';

/** A process that cannot be mistaken for a later one with the same pid. */
export type ProcessId = { pid: number; startTicks: number };

function unreadable(pid: number, text: string): DrayError {
  return new DrayError('Unexpected', { because: `/proc/${pid}/stat reads "${text}"` });
}

/** Start time in clock ticks since boot, field 22 of proc(5)'s stat; undefined when it is gone. */
function startTicksOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended and holds nothing, unless another thread of it hangs in the kernel.
    const isZombie = fields[0] === 'Z' && Number(fields[17]) <= 1;
    if (isZombie || fields[0] === 'X') return undefined;
    // Taken for gone, it would go on beside whoever comes after it.
    if (!/^\d{1,15}$/.test(fields[19] ?? '')) throw unreadable(pid, text);
    return Number(fields[19]);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}

export function identifyProcess(pid: number): ProcessId | undefined {
  const startTicks = startTicksOf(pid);
  return startTicks === undefined ? undefined : { pid, startTicks };
}

export function isAlive(process: ProcessId): boolean {
  return startTicksOf(process.pid) === process.startTicks;
}

/** Waits until the process has ended; answers whether it has. */
export async function waitForEnd(process: ProcessId, seconds: number): Promise<boolean> {
  const deadline = performance.now() + seconds * 1000;
  while (isAlive(process)) {
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

/** Sends the signal to exactly this process and waits; answers whether it has ended. */
export async function endProcess(
  target: ProcessId,
  signal: 'SIGTERM' | 'SIGKILL',
  seconds: number,
): Promise<boolean> {
  if (isAlive(target)) {
    try {
      process.kill(target.pid, signal);
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error;
    }
  }
  return waitForEnd(target, seconds);
}

/** Whether the process has the file open, by name: a look at what it has open could hang there. */
async function hasOpen({ pid }: ProcessId, path: string): Promise<boolean> {
  for (const thread of await readdir(`/proc/${pid}/task`).catch(() => [])) {
    const directory = `/proc/${pid}/task/${thread}/fd`;
    const descriptors = await readdir(directory).catch(() => []);
    for (const fd of descriptors) {
      if ((await readlink(`${directory}/${fd}`).catch(() => '')) === path) return true;
    }
    // Threads share what they have open; one that has ended shows nothing.
    if (descriptors.length > 0) return false;
  }
  return false;
}

/**
 * Who holds a flock(2) on the file, from proc(5)'s locks: the pid that took it. A copier keeps its
 * pid from flock(1) to dd, since each program of the chain replaces the one before. That list names
 * inodes without a device number that can be relied on (btrfs, overlayfs), so a holder counts only
 * if it has the file open.
 */
export async function flockHolders(path: string): Promise<ProcessId[]> {
  let inode: number;
  let canonical: string;
  try {
    inode = (await stat(path)).ino;
    canonical = await realpath(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  const holders: ProcessId[] = [];
  for (const line of (await readFile('/proc/locks', 'utf8')).split('\n')) {
    const words = line.trim().split(/\s+/);
    if (words[1] !== 'FLOCK' || words[5]?.split(':')[2] !== String(inode)) continue;
    const holder = identifyProcess(Number(words[4]));
    if (holder !== undefined && (await hasOpen(holder, canonical))) holders.push(holder);
  }
  return holders;
}

/** The kernel keeps this much of a program's name (TASK_COMM_LEN). */
const COMM_CHARACTERS = 15;

/**
 * Processes of the program, or of a shell that is about to become it, whose command line has every
 * one of the given words. Only theirs are read: that of a process which hangs in the kernel can
 * hang its reader, and a host has many that are no business of ours.
 */
export async function findProcesses(program: string, ...words: string[]): Promise<ProcessId[]> {
  const names = ['sh', program.slice(0, COMM_CHARACTERS)];
  const found: ProcessId[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const name = await readFile(`/proc/${entry}/comm`, 'utf8').catch(() => '');
    if (!names.includes(name.trimEnd())) continue;
    const line = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    const args = line.split('\0');
    if ([program, ...words].every((word) => args.some((arg) => arg.includes(word)))) {
      const id = identifyProcess(Number(entry));
      if (id !== undefined) found.push(id);
    }
  }
  return found;
}
