import { readFile, stat } from 'node:fs/promises';
import { SECTOR_BYTES } from '../../contract/volume.ts';
import { errnoOf } from '../../system/atomic-file.ts';

/** Linux's split of st_rdev: 12 bits of major and 20 bits of minor, gnu_dev_major(3). */
function numbersOf(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** Size in bytes, from sysfs; undefined where there is no such block device. */
export async function blockDeviceBytes(path: string): Promise<number | undefined> {
  try {
    const info = await stat(path, { bigint: true });
    if (!info.isBlockDevice()) return undefined;
    const size = await readFile(`/sys/dev/block/${numbersOf(info.rdev)}/size`, 'utf8');
    return Number(size) * SECTOR_BYTES;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENXIO') return undefined;
    throw error;
  }
}
