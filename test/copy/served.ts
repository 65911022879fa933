import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Device } from '../../contract/attachment.ts';
import type { Rig } from './rig.ts';

/** The file once more, by a program that serves it by FUSE at the path it is given. */
export type Served = { device: Device; server: ChildProcess };

/** Ends a server if it has not ended yet; its mount goes with it. */
export async function endServer(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  server.kill('SIGCONT');
  server.kill('SIGTERM');
  await ended;
}

async function serveAt(
  path: string,
  rig: Pick<Rig, 'undo'>,
  [name, ...args]: [name: string, ...args: string[]],
): Promise<ChildProcess> {
  await writeFile(path, '');
  const server = spawn(name, args, { stdio: 'ignore' });
  rig.undo(() => endServer(server));
  while (!(await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${path} `)) await sleep(20);
  return server;
}

/** By qemu-storage-daemon. `iops`: so slow that requests overlap. */
export async function servedByQemu(rig: Rig, file: Device, iops?: number): Promise<Served> {
  const below = { driver: 'file', filename: file.path, cache: { direct: iops !== undefined } };
  const slow = { driver: 'throttle', 'throttle-group': 'slow', file: below };
  const node = { ...(iops === undefined ? below : slow), 'node-name': 'node' };
  const limits = ['--object', `throttle-group,id=slow,x-iops-total=${iops}`];
  const path = `${file.path}.served`;
  const fuse = { type: 'fuse', id: 'e', 'node-name': 'node', mountpoint: path, writable: true };
  const server = await serveAt(path, rig, [
    'qemu-storage-daemon',
    ...(iops === undefined ? [] : limits),
    ...['--blockdev', JSON.stringify(node), '--export', JSON.stringify(fuse)],
  ]);
  return { device: { ...file, path }, server };
}

/** What nbdkit serves with these arguments, as a file at the path. */
export function serveNbdkitAt(
  path: string,
  rig: Pick<Rig, 'undo'>,
  ...nbdkit: string[]
): Promise<ChildProcess> {
  const command = ['--command', 'nbdkit', '-s', '--exit-with-parent', ...nbdkit];
  return serveAt(path, rig, ['nbdfuse', path, ...command]);
}

/** By nbdfuse, of what nbdkit serves with these arguments. */
export async function servedByNbdkit(rig: Rig, file: Device, ...nbdkit: string[]): Promise<Served> {
  const path = `${file.path}.served`;
  return { device: { ...file, path }, server: await serveNbdkitAt(path, rig, ...nbdkit) };
}
