import { mkdir, open, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unwritable } from '../../system/state-errors.ts';
import { DrayError } from '../../contract/errors.ts';
import { shortName } from '../../system/host-state.ts';

/** What one connected attachment has on disk. */
export type AttachmentDir = {
  root: string;
  /** Mount point of the FUSE export: the device path. */
  device: string;
  /** Control socket of the daemon. */
  socket: string;
  log: string;
  /** Name of a file that loses it before anything is written to it. */
  secret: string;
};

/** sun_path of unix(7) without its closing zero byte. */
const SOCKET_PATH_BYTES = 107;

/** Canonical, as the kernel names it in mountinfo and /proc. @throws StateUnwritable */
export async function attachmentDir(
  attachmentsDir: string,
  attachmentId: string,
): Promise<AttachmentDir> {
  const parent = await realpath(attachmentsDir).catch((error: unknown) => {
    throw unwritable(attachmentsDir, error);
  });
  const root = join(parent, shortName(attachmentId));
  const socket = join(root, 'qmp.sock');
  if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES) {
    const because = `a socket below it would have a path of more than ${SOCKET_PATH_BYTES} bytes`;
    throw new DrayError('StateUnwritable', { path: attachmentsDir, because });
  }
  return {
    root,
    socket,
    device: join(root, 'device'),
    log: join(root, 'log'),
    secret: join(root, 'secret'),
  };
}

/** An empty directory with the file to mount on. @throws StateUnwritable */
export async function makeAttachmentDir(dir: AttachmentDir): Promise<void> {
  try {
    await mkdir(dir.root, { mode: 0o700 });
    await writeFile(dir.device, '', { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw unwritable(dir.root, error);
  }
}

/** Only once nothing is mounted in it: what is mounted would be emptied. @throws StateUnwritable */
export async function removeAttachmentDir(dir: AttachmentDir): Promise<void> {
  await rm(dir.root, { recursive: true, force: true }).catch((error: unknown) => {
    throw unwritable(dir.root, error);
  });
}

/** A secret in a file without a name, for a child to read through an inherited descriptor. */
export type NamelessFile = { fd: number; erase: () => Promise<void> };

/**
 * The name is gone before the secret is written, so that no crash at any point leaves a file with
 * it behind. `erase` empties it, for the daemon keeps its inherited descriptor.
 * @throws StateUnwritable
 */
export async function namelessSecret(dir: AttachmentDir, secret: string): Promise<NamelessFile> {
  try {
    const file = await open(dir.secret, 'wx+', 0o600);
    await rm(dir.secret);
    await file.writeFile(secret);
    const erase = async (): Promise<void> => {
      await file.truncate(0);
      await file.close();
    };
    return { fd: file.fd, erase };
  } catch (error) {
    throw unwritable(dir.root, error);
  }
}
