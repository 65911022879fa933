import { constants, type BigIntStats } from 'node:fs';
import { open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import type { Device } from '../contract/attachment.ts';
import { DrayError } from '../contract/errors.ts';
import { formatVolume, type VolumeRef } from '../contract/volume.ts';
import { errnoOf } from '../system/atomic-file.ts';
import { formatDeviceNumber } from '../system/block-device.ts';
import { listMounts, unescapeOctal } from './mounts.ts';
import { type Inode, loopsOver, usersOf } from './users.ts';

/** Files and devices that the kernel swaps to, by path. */
async function swaps(): Promise<string[]> {
  const [, ...lines] = (await readFile('/proc/swaps', 'utf8')).split('\n');
  return lines.filter(Boolean).map((line) => unescapeOctal(line.split(/\s+/)[0] ?? ''));
}

/**
 * Uses that show by the path, and of a file by its number. A process that has it open for writing
 * is one of them, whoever it is: also a target that exports the file would write beside the copy.
 * Readers do no harm.
 */
async function useOfPath(path: string, file?: Inode): Promise<string | undefined> {
  const [loop] = await loopsOver(path);
  if (loop !== undefined) return `loop device ${loop} lies over it`;
  if ((await swaps()).includes(path)) return 'it is used as swap';
  const writer = (await usersOf(path, file)).find((user) => user.writes);
  return writer && `${writer.command} (pid ${writer.pid}) has it open for writing`;
}

/** major:minor of a block device and of its partitions. */
async function withPartitions(number: string): Promise<string[]> {
  const entries = await readdir(`/sys/dev/block/${number}`);
  const numbers = [number];
  for (const entry of entries) {
    const folder = `/sys/dev/block/${number}/${entry}`;
    // Only a partition has this file.
    const isPartition = await stat(`${folder}/partition`).catch(() => undefined);
    if (isPartition) numbers.push((await readFile(`${folder}/dev`, 'utf8')).trim());
  }
  return numbers;
}

async function useOfNumber(number: string): Promise<string | undefined> {
  const mount = (await listMounts()).find((candidate) => candidate.device === number);
  if (mount !== undefined) return `it is mounted at ${mount.point}`;
  const [holder] = await readdir(`/sys/dev/block/${number}/holders`);
  if (holder !== undefined) return `${holder} is built on it`;
  const uevent = await readFile(`/sys/dev/block/${number}/uevent`, 'utf8');
  const name = /^DEVNAME=(.*)$/m.exec(uevent)?.[1] ?? '';
  return (await swaps()).includes(`/dev/${name}`) ? 'it is used as swap' : undefined;
}

/** O_EXCL on a block device is the kernel's own claim: mounts, device mapper and swap hold one. */
async function exclusiveUse(path: string, device: Device): Promise<string | undefined> {
  const access = device.accessMode === 'rw' ? constants.O_RDWR : constants.O_RDONLY;
  try {
    await (await open(path, access | constants.O_EXCL)).close();
    return undefined;
  } catch (error) {
    return errnoOf(error) === 'EBUSY'
      ? 'another user has claimed it exclusively'
      : `it cannot be opened: ${(error as Error).message}`;
  }
}

async function useOfBlockDevice(
  path: string,
  info: BigIntStats,
  device: Device,
): Promise<string | undefined> {
  for (const number of await withPartitions(formatDeviceNumber(info.rdev))) {
    const use = await useOfNumber(number);
    if (use !== undefined) return use;
  }
  return exclusiveUse(path, device);
}

/** A device that is itself a mount point is an export of ours: looked at by its name only. */
async function useOf(device: Device): Promise<string | undefined> {
  const isExport = (await listMounts()).some((mount) => mount.point === device.path);
  if (isExport) return useOfPath(device.path);
  const path = await realpath(device.path);
  const info = await stat(path, { bigint: true });
  const file = { device: formatDeviceNumber(info.dev), inode: info.ino };
  const use = await useOfPath(path, info.isFile() ? file : undefined);
  return use ?? (info.isBlockDevice() ? useOfBlockDevice(path, info, device) : undefined);
}

/**
 * Refuses a device that anything else on this host uses: mounted, under a loop device or device
 * mapper, swap, open for writing elsewhere, or claimed. @throws DeviceBusy
 */
export async function assertUnused(device: Device, volume: VolumeRef): Promise<void> {
  let because: string | undefined;
  try {
    because = await useOf(device);
  } catch (error) {
    because = `that cannot be told: ${(error as Error).message}`;
  }
  if (because === undefined) return;
  throw new DrayError('DeviceBusy', {
    device: device.path,
    volume: formatVolume(volume),
    because,
  });
}
