import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from './errno.ts';

async function entries(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** What a finished copy must have taken back, by what it is called. */
export async function findRecords(root: string, stateDir: string): Promise<string[]> {
  const places = [
    ['export', join(root, 'exports')],
    ['reservation', join(root, 'reservations')],
    ['claim', join(stateDir, 'claims')],
    ['attachment', join(stateDir, 'attachments')],
    ['copier', join(stateDir, 'copiers')],
  ] as const;
  const found = places.map(async ([what, place]) =>
    (await entries(place)).map((name) => `${what} ${join(place, name)}`),
  );
  return (await Promise.all(found)).flat();
}

/**
 * Files below a directory, nothing followed. Mount points are left out: the server of a mounted
 * file may hang, and whoever asks for it with it.
 */
export async function filesBelow(
  directory: string,
  mountPoints: readonly string[],
): Promise<string[]> {
  const files: string[] = [];
  const kinds = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    // Removed while it was looked at.
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  for (const entry of kinds) {
    const path = join(directory, entry.name);
    if (mountPoints.includes(path)) continue;
    if (entry.isDirectory()) files.push(...(await filesBelow(path, mountPoints)));
    else files.push(path);
  }
  return files;
}
