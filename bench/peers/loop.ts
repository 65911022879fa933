import { execa } from 'execa';
import { open } from 'node:fs/promises';
import type { Stage } from '../stage.ts';
import { makeFiles } from './loose-files.ts';
import type { Pair, PairWish } from './storages.ts';

type Loop = { path: string; detach: () => Promise<void> };

/** Taken away at once, which the kernel does when the last one closes it: it dies with us. */
async function attach(file: string, ...options: string[]): Promise<Loop> {
  const argv = ['--find', '--show', '--direct-io=on', ...options, file];
  const path = (await execa('losetup', argv)).stdout.trim();
  const handle = await open(path, 'r');
  await execa('losetup', ['--detach', path]);
  return { path, detach: () => handle.close() };
}

/** Loop devices with direct I/O over files. */
export async function openLoop(stage: Stage, wish: PairWish): Promise<Pair> {
  const { files, remove } = await makeFiles(stage, wish);
  const [source, destination] = [await attach(files.source), await attach(files.destination)];
  return {
    ...wish,
    source: source.path,
    destination: destination.path,
    files,
    close: async () => {
      await Promise.all([source.detach(), destination.detach()]);
      await remove();
    },
  };
}
