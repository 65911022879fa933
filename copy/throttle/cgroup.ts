import { constants } from 'node:fs';
import { access, mkdir, readFile, readlink, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Role } from '../../contract/volume.ts';
import { errnoOf } from '../../system/atomic-file.ts';
import { shortName } from '../../system/host-state.ts';
import { unwritable } from '../../system/state-errors.ts';

/** Where the kernel's controllers stand: v2 in one tree, v1 in one of its own. */
export type GroupRoots = { v1: string; v2: string };
export const GROUP_ROOTS: GroupRoots = { v1: '/sys/fs/cgroup/blkio', v2: '/sys/fs/cgroup' };

export type GroupKind = 'cgroup-v1' | 'cgroup-v2';
/** `bytesPerSecond`: undefined for none. */
export type GroupLimit = { device: string; role: Role; bytesPerSecond: number | undefined };

const groupName = (copierDirectory: string): string => `drayage-${shortName(copierDirectory)}`;

/** The io controller this host offers and lets us use; v2 first. */
export async function usableController(roots = GROUP_ROOTS): Promise<GroupKind | undefined> {
  try {
    const offered = await readFile(join(roots.v2, 'cgroup.controllers'), 'utf8');
    if (offered.split(/\s+/).includes('io')) {
      await access(roots.v2, constants.W_OK);
      return 'cgroup-v2';
    }
  } catch {
    // No v2 tree, or not ours to change.
  }
  try {
    await access(join(roots.v1, 'blkio.throttle.write_bps_device'), constants.W_OK);
    return 'cgroup-v1';
  } catch {
    return undefined;
  }
}

/** The device whose queue the controllers limit: the disk of a partition; undefined for none. */
export async function wholeDisk(device: string): Promise<string | undefined> {
  const entry = `/sys/dev/block/${device}`;
  try {
    const target = join(dirname(entry), await readlink(entry));
    const partition = await readFile(join(target, 'partition'), 'utf8').catch(() => undefined);
    const disk = partition === undefined ? target : dirname(target);
    return (await readFile(join(disk, 'dev'), 'utf8')).trim();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** File and text that set a limit: v1 `8:0 1048576` (0: none), v2 `8:0 wbps=1048576` (max: none). */
export function limitSetting(kind: GroupKind, limit: GroupLimit): { file: string; text: string } {
  const { device, role, bytesPerSecond } = limit;
  if (kind === 'cgroup-v2') {
    const key = role === 'source' ? 'rbps' : 'wbps';
    return { file: 'io.max', text: `${device} ${key}=${bytesPerSecond ?? 'max'}` };
  }
  const direction = role === 'source' ? 'read' : 'write';
  return {
    file: `blkio.throttle.${direction}_bps_device`,
    text: `${device} ${bytesPerSecond ?? 0}`,
  };
}

/** Makes the group of one destination, or gives it another limit; answers its directory. */
export async function makeGroup(
  copierDirectory: string,
  kind: GroupKind,
  limit: GroupLimit,
  roots = GROUP_ROOTS,
): Promise<string> {
  const root = kind === 'cgroup-v2' ? roots.v2 : roots.v1;
  if (kind === 'cgroup-v2') await writeFile(join(root, 'cgroup.subtree_control'), '+io');
  const group = join(root, groupName(copierDirectory));
  await mkdir(group, { recursive: true });
  const { file, text } = limitSetting(kind, limit);
  await writeFile(join(group, file), text);
  return group;
}

/**
 * Takes all limits from a destination's groups, before whoever is in them is ended: no signal ends
 * a request that the kernel holds back. Nothing there is success; whether it helps, the end shows.
 */
export async function liftLimits(copierDirectory: string, roots = GROUP_ROOTS): Promise<void> {
  const group = groupName(copierDirectory);
  const kinds = [
    ['cgroup-v1', roots.v1],
    ['cgroup-v2', roots.v2],
  ] as const;
  for (const [kind, root] of kinds) {
    for (const role of ['source', 'destination'] as const) {
      const none = { role, bytesPerSecond: undefined };
      const path = join(root, group, limitSetting(kind, { device: '', ...none }).file);
      const limited = await readFile(path, 'utf8').catch(() => '');
      for (const device of limited.match(/^\d+:\d+/gm) ?? []) {
        const { text } = limitSetting(kind, { device, ...none });
        await writeFile(path, text).catch(() => undefined);
      }
    }
  }
}

/**
 * Removes a destination's groups. Nothing there is success.
 * @throws StateUnwritable while a copier that hangs is in one
 */
export async function removeGroups(copierDirectory: string, roots = GROUP_ROOTS): Promise<void> {
  for (const root of [roots.v1, roots.v2]) {
    const group = join(root, groupName(copierDirectory));
    for (let tries = 0; ; tries += 1) {
      try {
        await rmdir(group);
        break;
      } catch (error) {
        const errno = errnoOf(error) ?? basename(group);
        // Where nothing can be made, on a read-only tree for example, nothing of ours is.
        if (['ENOENT', 'ENOTDIR', 'EROFS', 'EACCES', 'EPERM'].includes(errno)) break;
        // The kernel lets go of a process that has ended a moment later.
        if (errno !== 'EBUSY' || tries === 20) {
          throw unwritable(group, error);
        }
        await sleep(50);
      }
    }
  }
}
