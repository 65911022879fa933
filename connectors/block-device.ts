import type { BigIntStats } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { SECTOR_BYTES } from '../contract/volume.ts';

/** `major:minor` of a device number, as Linux splits it (gnu_dev_major(3)). */
export function formatDeviceNumber(number: bigint): string {
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** Size in bytes of what stat(2) found; undefined unless it is a file or a block device. */
export async function bytesOf(info: BigIntStats): Promise<number | undefined> {
  if (info.isFile()) return Number(info.size);
  if (!info.isBlockDevice()) return undefined;
  // sysfs counts in sectors of 512 bytes, whatever the device's own block.
  const size = await readFile(`/sys/dev/block/${formatDeviceNumber(info.rdev)}/size`, 'utf8');
  return Number(size) * SECTOR_BYTES;
}
