import { type ChildProcess, spawn } from 'node:child_process';
import { link, mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { usersOf } from '../../connectors/users.ts';
import { formatDeviceNumber } from '../../system/block-device.ts';

let directory: string;
let file: string;
let child: ChildProcess | undefined;
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'dray-users-')));
  file = join(directory, 'volume');
  await writeFile(file, 'x');
});
afterEach(async () => {
  if (child?.exitCode === null) {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }
  await rm(directory, { recursive: true });
});

/** A process that has the file open in this way; returns once it has. */
async function opens(flags: number, name = file): Promise<number> {
  const program = `fs.openSync(${JSON.stringify(name)}, ${flags}); console.log('open'); setInterval(() => {}, 1e6)`;
  child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  return child.pid!;
}

const O_PATH = 0o10000000;
it.each([
  ['reads', 0, [false]],
  ['writes', 1, [true]],
  ['reads and writes', 2, [true]],
  ['only points at it', O_PATH, []],
])('sees a process that %s', async (_, flags, writes) => {
  const pid = await opens(flags);
  const users = await usersOf(file);
  expect(users.map((user) => user.writes)).toEqual(writes);
  expect(users.every((user) => user.pid === pid)).toBe(true);
});

it('sees who writes it by another name, where it is told which file it is', async () => {
  const name = join(directory, 'other name');
  await link(file, name);
  const pid = await opens(2, name);
  const { dev, ino } = await stat(file, { bigint: true });
  const which = { device: formatDeviceNumber(dev), inode: ino };
  expect(await usersOf(file, which)).toMatchObject([{ pid, writes: true }]);
  expect(await usersOf(file, { ...which, inode: ino + 1n })).toEqual([]);
  expect(await usersOf(file)).toEqual([]);
});
