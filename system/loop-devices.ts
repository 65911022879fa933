import { readdir, readFile } from 'node:fs/promises';

/** A loop device in use: its name, for example `loop0`, and the canonical path it lies over. */
export type LoopDevice = { name: string; backing: string };

export async function listLoops(): Promise<LoopDevice[]> {
  const names = (await readdir('/sys/block')).filter((name) => name.startsWith('loop'));
  const loops: LoopDevice[] = [];
  for (const name of names) {
    const file = `/sys/block/${name}/loop/backing_file`;
    // Absent while the loop device is free.
    const backing = await readFile(file, 'utf8').catch(() => undefined);
    if (backing !== undefined) loops.push({ name, backing: backing.trimEnd() });
  }
  return loops;
}
