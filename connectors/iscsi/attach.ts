import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AccessMode, Device, IscsiData } from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import { SECTOR_BYTES } from '../../contract/volume.ts';
import { assertCurrent, type Epoch } from '../../system/epoch.ts';
import { runToolOrThrow } from '../../system/run.ts';
import { isMountPoint } from '../mounts.ts';
import { makeAttachmentDir, namelessSecret, type AttachmentDir } from './attachment-dir.ts';
import { findDaemons, runsWith } from './command-line.ts';
import { eraseSecretOf, servesExport, startDaemon } from './daemon.ts';
import { loginError, startError } from './login-errors.ts';

/** Login and first read of a target that is there take well under one. */
const READY_SECONDS = 15;
const READ = { timeoutSeconds: 5 };

/** Size of a served device; undefined when it does not answer. The worker itself never touches it. */
export async function deviceBytes(path: string): Promise<number | undefined> {
  try {
    const result = await runToolOrThrow('stat', ['--format=%s', '--', path], READ);
    return Number(result.stdout);
  } catch (error) {
    if (error instanceof DrayError && error.code === 'ToolFailed') return undefined;
    throw error;
  }
}

async function readsFirstSector(path: string): Promise<boolean> {
  const read = ['if=' + path, 'of=/dev/null', `bs=${SECTOR_BYTES}`, 'count=1', 'iflag=direct'];
  try {
    await runToolOrThrow('dd', [...read, 'status=none'], READ);
    return true;
  } catch (error) {
    if (error instanceof DrayError && error.code === 'ToolFailed') return false;
    throw error;
  }
}

/** The device, when it is wholly there: answers, is mounted, has a size and can be read. */
async function readyDevice(
  dir: AttachmentDir,
  accessMode: AccessMode,
): Promise<Device | undefined> {
  if (!(await servesExport(dir)) || !(await isMountPoint(dir.device))) return undefined;
  const sizeBytes = await deviceBytes(dir.device);
  if (!sizeBytes || !(await readsFirstSector(dir.device))) return undefined;
  return { path: dir.device, sizeBytes, accessMode };
}

/** The device of a daemon that lives, was started with the same arguments and answers. */
export async function takeOver(
  dir: AttachmentDir,
  argv: readonly string[],
  accessMode: AccessMode,
): Promise<Device | undefined> {
  const [daemon, ...others] = await findDaemons(dir);
  if (daemon === undefined || others.length > 0) return undefined;
  if (!(await runsWith(daemon, argv))) return undefined;
  const device = await readyDevice(dir, accessMode);
  if (device !== undefined) await eraseSecretOf(dir, daemon);
  return device;
}

/**
 * Starts a daemon in a new directory and waits until its device is ready. What it leaves on a
 * failure is the caller's to release.
 * @throws LoginRefused, TargetUnreachable, ProtocolUnavailable, ToolMissing, WorkerSuperseded
 */
export async function attach(
  dir: AttachmentDir,
  epoch: Epoch,
  argv: readonly string[],
  data: IscsiData,
  accessMode: AccessMode,
): Promise<Device> {
  assertCurrent(epoch);
  await makeAttachmentDir(dir);
  const secret = await namelessSecret(dir, data.auth_password);
  try {
    const daemon = await startDaemon(dir, epoch, argv, secret.fd);
    const deadline = performance.now() + READY_SECONDS * 1000;
    while (daemon.isRunning()) {
      const device = await readyDevice(dir, accessMode);
      if (device !== undefined) return device;
      if (performance.now() > deadline) {
        throw loginError(`no device within ${READY_SECONDS} s`, data);
      }
      await sleep(20);
    }
    assertCurrent(epoch);
    throw startError(daemon.status(), await readFile(dir.log, 'utf8'), data);
  } finally {
    await secret.erase();
  }
}
