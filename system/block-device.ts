import { readFile } from 'node:fs/promises';
import { SECTOR_BYTES } from '../contract/volume.ts';

/** `major:minor` of a device number, as Linux splits it (gnu_dev_major(3)). */
export function formatDeviceNumber(number: bigint): string {
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** Size in bytes of the block device `major:minor`, from sysfs. */
export async function blockDeviceBytes(number: string): Promise<number> {
  // sysfs counts in sectors of 512 bytes, whatever the device's own block.
  return Number(await readFile(`/sys/dev/block/${number}/size`, 'utf8')) * SECTOR_BYTES;
}
