import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Sighting, Verdict } from '../contract/leaks.ts';
import { listLoops } from './loop-devices.ts';

const others = (because: string): Verdict => ({ state: 'foreign', because });

/** Device mapper maps on a block device, by its name in sysfs. */
async function mapsOn(name: string): Promise<Sighting[]> {
  const holders = await readdir(`/sys/class/block/${name}/holders`).catch(() => []);
  const maps = holders.filter((holder) => holder.startsWith('dm-'));
  return Promise.all(
    maps.map(async (holder) => {
      const file = `/sys/class/block/${holder}/dm/name`;
      const map = (await readFile(file, 'utf8').catch(() => holder)).trim();
      const verdict = others(`built on /dev/${name}, and not by Drayage`);
      return { kind: 'dm', identity: map, look: `dmsetup info ${map}`, verdict } as const;
    }),
  );
}

/**
 * What others have built on files below the directory and on the devices: Drayage itself makes
 * neither loop devices nor maps, but none of these lets go of a volume by itself.
 */
export async function findBuiltOn(
  directory: string,
  devices: readonly string[] = [],
): Promise<Sighting[]> {
  const below = await realpath(directory).catch(() => directory);
  const loops = (await listLoops()).filter(({ backing }) => backing.startsWith(`${below}/`));
  const names = await Promise.all(
    devices.map(async (path) => basename(await realpath(path).catch(() => path))),
  );
  const maps = await Promise.all([...loops.map(({ name }) => name), ...names].map(mapsOn));
  return [
    ...loops.map(({ name, backing }): Sighting => {
      const verdict = others(`lies over ${backing}, and not by Drayage`);
      const device = `/dev/${name}`;
      return { kind: 'loop', identity: device, look: `losetup --list ${device}`, verdict };
    }),
    ...maps.flat(),
  ];
}
