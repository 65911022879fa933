import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

export type Lock = { kind: string; pid: number; path: string };

function inodesOf(paths: readonly string[]): Map<number, string> {
  const inodes = new Map<number, string>();
  for (const path of paths) {
    const info = lstatSync(path, { throwIfNoEntry: false });
    if (info?.isFile() === true) inodes.set(info.ino, path);
  }
  return inodes;
}

/**
 * Whether the process has this very file open: the same inode number may belong to a file of
 * another file system, and device numbers in proc(5)'s locks are not stat(2)'s everywhere.
 */
function hasOpen(pid: number, path: string): boolean {
  try {
    const fds = readdirSync(`/proc/${pid}/fd`);
    return fds.some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === path);
  } catch {
    // Ended, or closed a file meanwhile: the next look tells.
    return false;
  }
}

/**
 * Locks of any kind that processes hold on these files. Synchronous, so that who is found to hold
 * one can be acted on before anything else happens.
 */
export function findLocks(paths: readonly string[]): Lock[] {
  const inodes = inodesOf(paths);
  const found: Lock[] = [];
  for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
    const [, kind = '', , , pidText, where = ''] = line.trim().split(/\s+/);
    const path = inodes.get(Number(where.split(':')[2]));
    if (path !== undefined && hasOpen(Number(pidText), path)) {
      found.push({ kind, pid: Number(pidText), path });
    }
  }
  return found;
}
