import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { listLoops } from '../system/loop-devices.ts';
import { O_PATH } from '../system/open-flags.ts';

/** A process that has a file open. */
export type User = { pid: number; command: string; writes: boolean };

/** A file whatever its name: major:minor of its file system, and its number there. */
export type Inode = { device: string; inode: bigint };

/** Access mode bits of open(2)'s flags: 0 is O_RDONLY. */
const O_ACCMODE = 0o3;

/** Whether a descriptor leads to the file by a name of its own: a hard link, or another mount. */
function leadsTo({ device, inode }: Inode, pid: string, descriptor: string): boolean {
  const info = readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8');
  // Linux says so since 5.14.
  if (/^ino:\s*(\d+)$/m.exec(info)?.[1] !== String(inode)) return false;
  const mount = /^mnt_id:\s*(\d+)$/m.exec(info)?.[1];
  const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
  return mounts.some((line) => {
    const [id, , onDevice] = line.split(' ');
    return id === mount && onDevice === device;
  });
}

/**
 * Names of the descriptors that lead to the path, or to the file. Synchronous: of the many thousands
 * of a busy host each takes microseconds this way, and none of them touches the file it names.
 */
function descriptorsTo(path: string, pid: string, file?: Inode): string[] {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).filter((name) => {
      try {
        const target = readlinkSync(`${directory}/${name}`);
        if (target === path) return true;
        return file !== undefined && target.startsWith('/') && leadsTo(file, pid, name);
      } catch {
        // Closed meanwhile.
        return false;
      }
    });
  } catch {
    // Ended meanwhile, or not ours to look at.
    return [];
  }
}

async function usesIn(pid: string, path: string, file?: Inode): Promise<boolean[]> {
  const writes: boolean[] = [];
  for (const name of descriptorsTo(path, pid, file)) {
    const info = await readFile(`/proc/${pid}/fdinfo/${name}`, 'utf8').catch(() => '');
    const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8);
    if ((flags & O_PATH) === 0) writes.push((flags & O_ACCMODE) !== 0);
  }
  return writes;
}

/**
 * Other processes of this host that have the canonical path open, or the file by another name. It
 * looks at names and numbers only and never touches the file, so that a hanging device cannot stop
 * it. What ends meanwhile is left out.
 */
export async function usersOf(path: string, file?: Inode): Promise<User[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const users: User[] = [];
  for (const pid of pids) {
    if (Number(pid) === process.pid) continue;
    const uses = await usesIn(pid, path, file);
    if (uses.length === 0) continue;
    const command = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
    users.push({ pid: Number(pid), command, writes: uses.includes(true) });
  }
  return users;
}

/** Names of the loop devices, for example `loop0`, that lie over the canonical path. */
export async function loopsOver(path: string): Promise<string[]> {
  return (await listLoops()).filter(({ backing }) => backing === path).map(({ name }) => name);
}
