import { execa } from 'execa';
import { rmdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { findGroups } from './leftovers/cgroups.ts';
import type { Scene } from './leftovers/look.ts';
import { findLoops, findMounts } from './leftovers/mounts.ts';
import { findProcesses } from './leftovers/processes.ts';
import { findControlSockets } from './leftovers/targets.ts';

const ROUNDS = 50;

async function killAll({ directory, controlPort }: Scene): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const found = await findProcesses(directory, controlPort);
    if (found.length === 0) return;
    for (const { pid } of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone meanwhile.
      }
    }
    await sleep(50);
  }
}

/**
 * Ends and removes by force whatever the demo's world still has on this machine, once its server
 * and worker are gone. After a copy that went well there is nothing to do. Never throws: it is the
 * last resort, and what it could not do shows in the next look.
 */
export async function sweep(scene: Scene): Promise<void> {
  await killAll(scene);
  const quiet = { reject: false, timeout: 10_000 } as const;
  for (const point of await findMounts(scene.directory)) {
    await execa('umount', ['--lazy', '--no-canonicalize', point], quiet);
  }
  for (const name of await findLoops(scene.directory)) {
    await execa('losetup', ['--detach', `/dev/${name}`], quiet);
  }
  for (const group of findGroups(scene.stateDir, [scene.source, scene.destination])) {
    await rmdir(group).catch(() => undefined);
  }
  for (const path of findControlSockets(scene.controlPort)) {
    await rm(path, { force: true }).catch(() => undefined);
  }
}
