import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Stage } from '../stage.ts';
import type { Pair, PairWish } from './storages.ts';

/** Empty files for a pair that is no backend of the stage's. */
export async function makeFiles(stage: Stage, { storage, sizeBytes }: PairWish) {
  const directory = join(stage.directory, storage);
  await mkdir(directory);
  const [source, destination] = [join(directory, 'source.raw'), join(directory, 'destination.raw')];
  await execa('truncate', [`--size=${sizeBytes}`, source, destination]);
  const files: Pair['files'] = { source, destination };
  return { directory, files, remove: () => rm(directory, { recursive: true }) };
}
