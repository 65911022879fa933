import { stat } from 'node:fs/promises';
import { DrayError } from '../../contract/errors.ts';
import { errnoOf } from '../../system/atomic-file.ts';
import { assertCurrent, type Epoch } from '../../system/epoch.ts';
import type { ProcessId } from '../../system/processes.ts';
import { isMountPoint, unmountAll } from '../mounts.ts';
import { loopsOver, usersOf } from '../users.ts';
import { removeAttachmentDir, type AttachmentDir } from './attachment-dir.ts';
import { unwritable } from '../../system/state-errors.ts';
import { findDaemons } from './command-line.ts';
import { endDaemon } from './daemon.ts';

/** What is there of an attachment, found on the host itself and not in any record. */
export type Remains = { daemons: ProcessId[]; mounted: boolean; directory: boolean };

/** @throws StateUnwritable */
export async function findRemains(dir: AttachmentDir): Promise<Remains> {
  const directory = await stat(dir.root).then(
    () => true,
    (error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return false;
      throw unwritable(dir.root, error);
    },
  );
  return { daemons: await findDaemons(dir), mounted: await isMountPoint(dir.device), directory };
}

export const isNothing = (remains: Remains): boolean =>
  remains.daemons.length === 0 && !remains.mounted && !remains.directory;

/** Served: a daemon lives and its export is mounted, so that data can still be on their way. */
export const isServed = (remains: Remains): boolean =>
  remains.daemons.length > 0 && remains.mounted;

/** The export is never pulled from under a living user. @throws DisconnectFailed */
export async function assertUnheld(dir: AttachmentDir): Promise<void> {
  const users = await usersOf(dir.device);
  const names = users.map((user) => `${user.command} (pid ${user.pid})`);
  const holders = [...names, ...(await loopsOver(dir.device))];
  if (holders.length === 0) return;
  const because = `it is still used by ${holders.join(', ')}`;
  throw new DrayError('DisconnectFailed', { device: dir.device, because });
}

/**
 * Takes back all there is, the daemon first: once it is dead, nothing that touches the mount can
 * hang. @throws DisconnectFailed, WorkerSuperseded, StateUnwritable
 */
export async function release(dir: AttachmentDir, epoch: Epoch): Promise<void> {
  for (const daemon of await findDaemons(dir)) {
    assertCurrent(epoch);
    await endDaemon(dir, daemon);
  }
  assertCurrent(epoch);
  if (!(await unmountAll(dir.device))) {
    const because = 'its mount cannot be taken away';
    throw new DrayError('DisconnectFailed', { device: dir.device, because });
  }
  await removeAttachmentDir(dir);
}
