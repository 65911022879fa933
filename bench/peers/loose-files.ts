import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Stage } from '../stage.ts';
import type { Pair, PairWish } from './storages.ts';

/** What a file is copied from or to by. */
export type Device = { path: string; detach: () => Promise<void> };

/**
 * A pair that is no backend of the stage's, over empty files in a directory of its own. `attach` gets
 * `source` and then `destination` as the name of each.
 */
export async function openLoose(
  stage: Stage,
  wish: PairWish,
  attach: (file: string, directory: string, name: string) => Promise<Device>,
): Promise<Pair> {
  const directory = join(stage.directory, wish.storage);
  await mkdir(directory);
  const files = {
    source: join(directory, 'source.raw'),
    destination: join(directory, 'destination.raw'),
  };
  await execa('truncate', [`--size=${wish.sizeBytes}`, files.source, files.destination]);
  const source = await attach(files.source, directory, 'source');
  const destination = await attach(files.destination, directory, 'destination');
  return {
    ...wish,
    source: source.path,
    destination: destination.path,
    files,
    close: async () => {
      await source.detach();
      await destination.detach();
      await rm(directory, { recursive: true });
    },
  };
}
