import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from '../stage.ts';
import { findGroups } from './cgroups.ts';
import { filesBelow, findRecords } from './files.ts';
import { findLocks } from './locks.ts';
import { findLoops, findMounts } from './mounts.ts';
import { findProcesses, type Found } from './processes.ts';
import { findControlSockets, findTargets } from './targets.ts';

/** What is needed to look; a stage has it. */
export type Scene = Pick<
  Stage,
  'directory' | 'stateDir' | 'root' | 'storage' | 'controlPort' | 'source' | 'destination'
>;

/**
 * `alive`: pids that are meant to run while the demo's server and worker do; undefined once
 * everything was ended, when nothing at all may be left of this machine's side.
 */
export type Alive = ReadonlySet<number> | undefined;

/** In a checkout, what runs TypeScript keeps a compiler beside it. */
const isCompiler = ({ command }: Found): boolean => command === 'esbuild';

/** What is left at this moment, each in words for a person. */
export async function lookOnce(scene: Scene, alive: Alive): Promise<string[]> {
  const { directory, stateDir, root, controlPort } = scene;
  const mounts = await findMounts(directory);
  const files = await filesBelow(directory, mounts);
  const processes = await findProcesses(directory, controlPort);
  const isMeant = (pid: number): boolean => alive?.has(pid) === true;
  const tgtdRuns = scene.storage === 'iscsi' && alive !== undefined;
  return [
    ...(tgtdRuns ? await findTargets(controlPort) : []),
    ...(tgtdRuns ? [] : findControlSockets(controlPort).map((path) => `socket ${path}`)),
    ...(await findRecords(root, stateDir)),
    ...mounts.map((point) => `mount ${point}`),
    ...(await findLoops(directory)).map((name) => `loop device /dev/${name}`),
    ...findGroups(stateDir, [scene.source, scene.destination]).map((path) => `cgroup ${path}`),
    ...processes
      .filter((found) => !isMeant(found.pid) && !(isCompiler(found) && isMeant(found.parent)))
      .map(({ pid, command, why }) => `process ${pid} (${command}) ${why}`),
    ...findLocks(files)
      .filter(({ pid }) => !isMeant(pid))
      .map(({ kind, pid, path }) => `${kind} lock of process ${pid} on ${path}`),
    ...files.filter((path) => path.endsWith('.tmp')).map((path) => `temporary file ${path}`),
  ];
}

const SETTLE_MILLISECONDS = 3_000;

/**
 * What stays: a process that has just been told to end may take a moment to be gone, so that only
 * what is still there after 3 s counts.
 */
export async function findLeftovers(scene: Scene, alive: Alive): Promise<string[]> {
  const deadline = performance.now() + SETTLE_MILLISECONDS;
  for (;;) {
    const found = await lookOnce(scene, alive);
    if (found.length === 0 || performance.now() > deadline) return found;
    await sleep(100);
  }
}
