import { randomUUID } from 'node:crypto';
import { link, open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DrayError } from '../../contract/errors.ts';
import { errnoOf, syncDirectory } from '../../system/atomic-file.ts';

/** What stat(2) says of a raw volume. `allocated` is false while nothing was ever written. */
export type RawFile = { sizeBytes: number; allocated: boolean; dev: bigint; ino: bigint };

/** undefined when there is no such file. */
export async function lookAtRaw(path: string): Promise<RawFile | undefined> {
  try {
    const info = await stat(path, { bigint: true });
    const { dev, ino } = info;
    return info.isFile()
      ? { sizeBytes: Number(info.size), allocated: info.blocks > 0n, dev, ino }
      : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function fill(temporary: string, sizeBytes: number): Promise<void> {
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.truncate(sizeBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Makes a sparse file of the size, whole and durable or not at all; answers false when the name
 * is taken. @throws BadSize, StorageFull, StateUnwritable
 */
export async function createRaw(path: string, sizeBytes: number): Promise<boolean> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await fill(temporary, sizeBytes);
    await link(temporary, path);
  } catch (error) {
    const where = dirname(path);
    const because = (error as Error).message;
    switch (errnoOf(error)) {
      case 'EEXIST':
        return false;
      case 'ENOSPC':
      case 'EDQUOT':
        throw new DrayError('StorageFull', { path: where }, { cause: error });
      case 'EFBIG':
      case 'EINVAL':
        throw new DrayError('BadSize', { size: sizeBytes, because }, { cause: error });
      default:
        throw new DrayError('StateUnwritable', { path: where, because }, { cause: error });
    }
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
  return true;
}
