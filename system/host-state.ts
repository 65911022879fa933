import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Epoch } from './epoch.ts';
import { makeDirectory } from './make-directory.ts';

/** A worker's own directory on its host and the right to change what it describes. */
export type HostState = { hostId: string; epoch: Epoch; dirs: StateDirs };

export type StateDirs = {
  root: string;
  /** What this host wrote down before it acquired it: one file an attachment. */
  claims: string;
  /** One directory a connected attachment: mount point, sockets, logs. */
  attachments: string;
  /** One directory a destination: lock, lease and checkpoint. */
  copiers: string;
  /** Sealing keys. */
  keys: string;
};

export function stateDirs(root: string): StateDirs {
  return {
    root,
    claims: join(root, 'claims'),
    attachments: join(root, 'attachments'),
    copiers: join(root, 'copiers'),
    keys: join(root, 'keys'),
  };
}

/** @throws StateUnwritable */
export async function makeStateDirs(dirs: StateDirs): Promise<void> {
  for (const path of Object.values(dirs)) await makeDirectory(path);
}

/** A short name for a long id, for paths with a length limit such as sockets (108 bytes). */
export function shortName(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 16);
}
