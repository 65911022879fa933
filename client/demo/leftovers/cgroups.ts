import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { VolumeRef } from '../../../contract/volume.ts';

/** Where the kernel's io controllers stand: v1 in a tree of its own, v2, and v2 beside v1. */
const ROOTS = ['/sys/fs/cgroup/blkio', '/sys/fs/cgroup', '/sys/fs/cgroup/unified'];

/** As the worker calls the group that limits the copier of a destination. */
export function groupName(stateDir: string, { backend, id }: VolumeRef): string {
  const copier = join(stateDir, 'copiers', `${backend}.${id}`);
  return `drayage-${createHash('sha256').update(copier).digest('hex').slice(0, 16)}`;
}

/** Directories of the groups that limited the copiers of these volumes. */
export function findGroups(stateDir: string, volumes: readonly VolumeRef[]): string[] {
  return volumes
    .flatMap((volume) => ROOTS.map((root) => join(root, groupName(stateDir, volume))))
    .filter((group) => existsSync(group));
}
