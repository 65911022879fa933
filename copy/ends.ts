import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Device } from '../contract/attachment.ts';
import type { CopyEnds } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import type { ReadEnds } from '../contract/verify.ts';
import type { Role, VolumeRef } from '../contract/volume.ts';
import { formatVolume } from '../contract/volume.ts';
import { errnoOf } from '../system/atomic-file.ts';
import { formatDeviceNumber } from '../system/block-device.ts';
import { O_PATH } from '../system/open-flags.ts';
import { within } from '../system/within.ts';
import { deviceLost, inspectEnd } from './end-state.ts';
import { LOST_ERRNOS } from './errnos.ts';

/**
 * Both ends, opened once an attempt. Copiers get the descriptors and never the paths, so that a
 * FUSE mount that vanishes cannot turn into the file beneath it, and the exclusive claim on a
 * block device lives for as long as any of them.
 */
export type OpenEnds = { source: FileHandle; destination: FileHandle; close(): Promise<void> };

/** As OpenEnds, of what there is to be read. */
export type OpenToRead = Partial<Record<Role, FileHandle>> & { close(): Promise<void> };

export type CopyVolumes = { source: VolumeRef; destination: VolumeRef };

const OPEN_SECONDS = 10;
/** A copier that was just ended gives its claim back within this time. */
const CLAIM_SECONDS = 5;

function openError(
  error: unknown,
  role: Role,
  device: Device,
  access: number,
  volume?: VolumeRef,
): unknown {
  const errno = errnoOf(error);
  const because = (error as Error).message;
  if (errno !== undefined && LOST_ERRNOS.has(errno)) return deviceLost(role, device, because);
  if (errno === 'EBUSY') {
    const name = volume === undefined ? role : formatVolume(volume);
    return new DrayError('DeviceBusy', { device: device.path, volume: name, because });
  }
  if (errno === undefined) return error;
  const ofDestination = access === constants.O_RDONLY ? 'Unreadable' : 'Unwritable';
  const code = role === 'source' ? 'SourceUnreadable' : (`Destination${ofDestination}` as const);
  return new DrayError(code, { device: device.path, because }, { cause: error });
}

async function openPatiently(path: string, flags: number): Promise<FileHandle> {
  const deadline = performance.now() + CLAIM_SECONDS * 1000;
  for (;;) {
    try {
      return await open(path, flags);
    } catch (error) {
      if (errnoOf(error) !== 'EBUSY' || performance.now() > deadline) throw error;
    }
    await sleep(100);
  }
}

/**
 * Gives a descriptor back. Nothing was written through it, and a dead FUSE mount answers ENOTCONN
 * or nothing at all: whether data are safe was said by the copier's own flush.
 */
async function release(handle: FileHandle): Promise<void> {
  await within(
    OPEN_SECONDS,
    handle.close().catch(() => undefined),
  );
}

/**
 * How to hold an end that a copier opens once more as /dev/fd/N. A block device is claimed, the one
 * that is read as well: nobody mounts it meanwhile, or makes it part of something. A file
 * is only pointed at: every program this process starts closes what it does not inherit, and to
 * close a file that FUSE serves waits for its server. While a target is away that hangs the start
 * of anything, the tgtd that would bring it back included, and this process with it.
 */
function flagsFor(kind: 'block' | 'file', access: number): number {
  if (kind === 'file') return O_PATH;
  return access | constants.O_EXCL;
}

/** Opens what inspectEnd saw, and nothing else. */
async function openEnd(
  device: Device,
  role: Role,
  access: number,
  volume?: VolumeRef,
): Promise<FileHandle> {
  const seen = await inspectEnd(device, role);
  const opening = openPatiently(device.path, flagsFor(seen.kind, access));
  let handle: FileHandle | 'late';
  try {
    handle = await within(OPEN_SECONDS + CLAIM_SECONDS, opening);
  } catch (error) {
    throw openError(error, role, device, access, volume);
  }
  if (handle === 'late') {
    opening.then(
      (late) => release(late),
      // Nobody waits for it any more: the attempt has failed already.
      () => undefined,
    );
    throw deviceLost(role, device, `it was not open within ${OPEN_SECONDS + CLAIM_SECONDS} s`);
  }
  const looking = handle.stat({ bigint: true }).catch(async (error: unknown) => {
    await release(handle);
    throw openError(error, role, device, access, volume);
  });
  const stat = await within(OPEN_SECONDS, looking);
  if (stat === 'late') {
    await release(handle);
    throw deviceLost(role, device, `no answer within ${OPEN_SECONDS} s`);
  }
  const identity = stat.isBlockDevice()
    ? `block ${formatDeviceNumber(stat.rdev)}`
    : `file ${stat.dev} ${stat.ino}`;
  if (identity === seen.identity) return handle;
  await release(handle);
  throw deviceLost(role, device, 'another one took its path while it was opened');
}

/** The ends that there are, the source first. */
export function devicesOf(ends: ReadEnds): [Role, Device][] {
  const both = [['source', ends.source] as const, ['destination', ends.destination] as const];
  return both.flatMap(([role, device]) => (device === undefined ? [] : [[role, device]]));
}

/** Each compared with what was seen, and claimed where it is a block device. */
async function openEnds(
  ends: ReadEnds,
  access: Record<Role, number>,
  volumes?: CopyVolumes,
): Promise<OpenToRead> {
  const opened: Partial<Record<Role, FileHandle>> = {};
  const close = async (): Promise<void> => {
    await Promise.all(Object.values(opened).map((handle) => release(handle)));
  };
  try {
    for (const [role, device] of devicesOf(ends)) {
      opened[role] = await openEnd(device, role, access[role], volumes?.[role]);
    }
    return { ...opened, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Source read-only. @throws DeviceLost, DeviceBusy, SourceUnreadable, DestinationUnwritable */
export async function openForCopy(ends: CopyEnds, volumes: CopyVolumes): Promise<OpenEnds> {
  const access = { source: constants.O_RDONLY, destination: constants.O_RDWR };
  return (await openEnds(ends, access, volumes)) as OpenEnds;
}

/** All read-only. @throws DeviceLost, DeviceBusy, SourceUnreadable, DestinationUnreadable */
export async function openForReading(ends: ReadEnds): Promise<OpenToRead> {
  return openEnds(ends, { source: constants.O_RDONLY, destination: constants.O_RDONLY });
}
