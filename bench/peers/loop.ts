import { execa } from 'execa';
import { open } from 'node:fs/promises';
import type { Stage } from '../stage.ts';
import { type Device, openLoose } from './loose-files.ts';
import type { Pair, PairWish } from './storages.ts';

/** Taken away at once, which the kernel does when the last one closes it: it dies with us. */
async function attach(file: string): Promise<Device> {
  const argv = ['--find', '--show', '--direct-io=on', file];
  const path = (await execa('losetup', argv)).stdout.trim();
  const handle = await open(path, 'r');
  await execa('losetup', ['--detach', path]);
  return { path, detach: () => handle.close() };
}

/** Loop devices with direct I/O over files. */
export function openLoop(stage: Stage, wish: PairWish): Promise<Pair> {
  return openLoose(stage, wish, (file) => attach(file));
}
