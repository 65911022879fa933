import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../../system/make-directory.ts';

/** As makeDirectory, and removes half-written files of a worker that was killed. */
export async function openDirectory(path: string): Promise<void> {
  await makeDirectory(path);
  for (const name of await readdir(path)) {
    if (name.endsWith('.tmp')) await rm(join(path, name), { force: true });
  }
}
