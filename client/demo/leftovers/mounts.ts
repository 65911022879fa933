import { readdir, readFile } from 'node:fs/promises';

/** Blanks and backslashes stand as octal escapes in proc(5)'s mountinfo. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));

/** Mount points below the directory, the youngest first: the order in which they can be undone. */
export async function findMounts(directory: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter(Boolean);
  const points = lines.map((line) => unescaped(line.split(' ')[4] ?? ''));
  return points.filter((point) => point.startsWith(`${directory}/`)).reverse();
}

/** Names of the loop devices, for example `loop0`, over files below the directory. */
export async function findLoops(directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir('/sys/block')) {
    const file = `/sys/block/${name}/loop/backing_file`;
    // Only a loop device that is in use has one.
    const backing = await readFile(file, 'utf8').catch(() => '');
    if (backing.startsWith(`${directory}/`)) found.push(name);
  }
  return found;
}
