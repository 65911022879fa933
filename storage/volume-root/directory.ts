import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DrayError } from '../../contract/errors.ts';

/** For the worker alone; parents too. @throws StateUnwritable */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const because = (error as Error).message;
    throw new DrayError('StateUnwritable', { path, because }, { cause: error });
  }
}

/** As makeDirectory, and removes half-written files of a worker that was killed. */
export async function openDirectory(path: string): Promise<void> {
  await makeDirectory(path);
  for (const name of await readdir(path)) {
    if (name.endsWith('.tmp')) await rm(join(path, name), { force: true });
  }
}
