import { execa } from 'execa';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from '../stage.ts';
import { type Device, openLoose } from './loose-files.ts';
import type { Pair, PairWish } from './storages.ts';

const START_SECONDS = 10;

/** Dies with this process, in the orderly way: nbdfuse unmounts then. */
const start = (...command: string[]) =>
  execa('setpriv', ['--pdeathsig', 'TERM', '--', ...command], { reject: false, cleanup: false });

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + START_SECONDS * 1000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what} does not come`);
    await sleep(20);
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** A file behind nbdkit, which waits in each read and write, as a file of nbdfuse. */
async function attach(
  directory: string,
  name: string,
  file: string,
  delay: number,
): Promise<Device> {
  const [socket, mount] = [join(directory, `${name}.sock`), join(directory, name)];
  const [pidFile, path] = [join(directory, `${name}.pid`), join(mount, 'device')];
  await mkdir(mount);
  const waits = [`delay-read=${delay}ms`, `delay-write=${delay}ms`];
  const server = start('nbdkit', '-f', '-U', socket, '--filter=delay', 'file', file, ...waits);
  await until(() => exists(socket), 'nbdkit');
  const fuse = start('nbdfuse', '-P', pidFile, path, '--unix', socket);
  await until(async () => {
    const said = await readFile(pidFile, 'utf8').catch(() => '');
    return said !== '' && (await exists(path));
  }, 'nbdfuse');
  return {
    path,
    detach: async () => {
      // What a tool that ran out of time has left behind holds its ends for a moment.
      await until(async () => {
        const { failed } = await execa('fusermount3', ['-u', mount], { reject: false });
        return !failed;
      }, `the end of ${mount}`);
      await fuse;
      server.kill('SIGTERM');
      await server;
    },
  };
}

/** @param delay milliseconds that each request waits */
export function openDelay(stage: Stage, wish: PairWish, delay: number): Promise<Pair> {
  return openLoose(stage, wish, (file, directory, name) => attach(directory, name, file, delay));
}
