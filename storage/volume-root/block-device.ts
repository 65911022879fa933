import { stat } from 'node:fs/promises';
import { errnoOf } from '../../system/atomic-file.ts';
import { blockDeviceBytes, formatDeviceNumber } from '../../system/block-device.ts';

/** Size in bytes; undefined where there is no such block device. */
export async function configuredBytes(path: string): Promise<number | undefined> {
  try {
    const info = await stat(path, { bigint: true });
    return info.isBlockDevice() ? await blockDeviceBytes(formatDeviceNumber(info.rdev)) : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENXIO') return undefined;
    throw error;
  }
}
