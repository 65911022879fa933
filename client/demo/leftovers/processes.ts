import { readdir, readFile, readlink } from 'node:fs/promises';

export type Found = { pid: number; parent: number; command: string; why: string };

const read = (pid: number, name: string): Promise<string> =>
  // What ends meanwhile, and what is not ours to look at, reads as nothing.
  readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
const link = (path: string): Promise<string> => readlink(path).catch(() => '');

const isIn = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(`${directory}/`);

/** The first of its open files or directories that lies in the directory. */
async function opened(pid: number, directory: string): Promise<string | undefined> {
  const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = [`/proc/${pid}/cwd`, ...fds.map((fd) => `/proc/${pid}/fd/${fd}`)];
  for (const path of await Promise.all(links.map(link))) if (isIn(path, directory)) return path;
  return undefined;
}

/** A tgtd that was started for this control port, wherever its files are. */
function isTgtdOf(args: readonly string[], controlPort: number): boolean {
  const option = args.indexOf('-C');
  return args[0]?.endsWith('tgtd') === true && args[option + 1] === String(controlPort);
}

/** Fields of proc(5)'s stat, counted behind the command, which may have blanks. */
async function placeOf(pid: number): Promise<{ parent: number; hasTerminal: boolean }> {
  const stat = await read(pid, 'stat');
  const [, parent, , , terminal = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(parent), hasTerminal: terminal !== '0' };
}

/**
 * Processes that mention the directory in their command line or have something in it open, as dd
 * has, which is given descriptors and no paths; and the tgtd of the control port. Not this one,
 * and none with a terminal: those are a person's, who looks at the logs for example.
 */
export async function findProcesses(directory: string, controlPort: number): Promise<Found[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: Found[] = [];
  for (const pid of pids.filter((each) => each !== process.pid)) {
    const { parent, hasTerminal } = await placeOf(pid);
    if (hasTerminal) continue;
    const args = (await read(pid, 'cmdline')).split('\0');
    const command = (await read(pid, 'comm')).trim();
    const open = await opened(pid, directory);
    if (args.some((arg) => arg.includes(directory))) {
      found.push({ pid, parent, command, why: `mentions ${directory}` });
    } else if (open !== undefined) found.push({ pid, parent, command, why: `has ${open} open` });
    else if (isTgtdOf(args, controlPort)) {
      found.push({ pid, parent, command, why: `serves control port ${controlPort}` });
    }
  }
  return found;
}
