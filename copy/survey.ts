import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sighting } from '../contract/leaks.ts';
import { parseVolume } from '../contract/volume.ts';
import type { HostState } from '../system/host-state.ts';
import { copierPids, ownerOf, volumeNameOf } from './lease.ts';

async function surveyCopier(directory: string): Promise<Sighting[]> {
  const copyId = await ownerOf(directory);
  const volume = parseVolume(volumeNameOf(directory));
  const belongs = {
    ...(volume === undefined ? {} : { volume }),
    ...(copyId === undefined
      ? { verdict: { state: 'unknown', because: 'it does not say of which copy it is' } as const }
      : { copyId }),
  };
  const pids = await copierPids(directory);
  return [
    { kind: 'copier', identity: directory, look: `ls -l ${directory}`, ...belongs },
    ...pids.map((pid): Sighting => {
      const look = `ps -o pid,lstart,args -p ${pid}`;
      return { kind: 'lock', identity: `${directory}/lock by process ${pid}`, look, ...belongs };
    }),
  ];
}

/** Copiers of this host: their directories, and the processes that hold their locks. */
export async function surveyCopiers({ dirs }: HostState): Promise<Sighting[]> {
  const names = await readdir(dirs.copiers);
  const found = names.map((name) => surveyCopier(join(dirs.copiers, name)));
  return (await Promise.all(found)).flat();
}
