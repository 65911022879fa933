import { readFile } from 'node:fs/promises';
import { runTool } from '../system/run.ts';

/** One line of proc(5)'s mountinfo. `device` is major:minor, as in sysfs. */
export type Mount = { point: string; device: string; type: string; source: string };

/** Blanks and backslashes stand as octal escapes in mountinfo and swaps. */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** What is mounted, oldest first. Reads no mounted file system, so that none can make it hang. */
export async function listMounts(): Promise<Mount[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter(Boolean);
  return lines.map((line) => {
    const [fixed = '', after = ''] = line.split(' - ', 2);
    const [, , device = '', , point = ''] = fixed.split(' ');
    const [type = '', source = ''] = after.split(' ');
    return { point: unescapeOctal(point), device, type, source: unescapeOctal(source) };
  });
}

/** `path` must be canonical: nothing is resolved. */
export async function isMountPoint(path: string): Promise<boolean> {
  return (await listMounts()).some((mount) => mount.point === path);
}

/**
 * Takes away everything mounted at the canonical path, also from under a dead FUSE server; answers
 * whether nothing is left there. fusermount3 is for hosts where the worker is not root.
 */
export async function unmountAll(path: string): Promise<boolean> {
  while (await isMountPoint(path)) {
    const lazily = await runTool('umount', ['--lazy', '--no-canonicalize', path]);
    if (lazily.status === 0) continue;
    const asUser = await runTool('fusermount3', ['-u', '-z', path]).catch(() => undefined);
    if (asUser?.status !== 0) return !(await isMountPoint(path));
  }
  return true;
}
