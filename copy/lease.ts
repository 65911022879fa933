import { readFileSync } from 'node:fs';
import { access, readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { DrayError } from '../contract/errors.ts';
import { formatVolume, type Undone, type VolumeRef } from '../contract/volume.ts';
import { errnoOf, removeDurably, writeAtomic } from '../system/atomic-file.ts';
import { assertCurrent, type Epoch } from '../system/epoch.ts';
import { Exclusion } from '../system/exclusion.ts';
import type { HostState } from '../system/host-state.ts';
import { makeDirectory } from '../system/make-directory.ts';
import { endProcess, flockHolders } from '../system/processes.ts';
import { runTool, runToolOrThrow } from '../system/run.ts';
import { liftLimits, removeGroups } from './throttle/cgroup.ts';

/** The right of one attempt to write one destination, until another one takes it. */
export type Lease = {
  /** `<state>/copiers/<backend>.<id>`. */
  directory: string;
  /** Held by flock(2) for as long as a copier lives. */
  lockFile: string;
  /** One line: the token of the attempt that may write. */
  leaseFile: string;
  token: string;
  epoch: Epoch;
};

/** Exit status of flock(1) when somebody else holds the lock; dd's own failure is 1. */
export const LOCKED_STATUS = 75;
/** File with the id of the copy that the directory is of. */
const OWNER = 'copy';
/** Of a copy attempt and a fence that came after it, the fence has the last word. */
const exclusion = new Exclusion();
const KILL_SECONDS = 10;
const LOCK_SECONDS = 5;

/** A volume's copier directory; a backend's name has no dot, so no two volumes share one. */
export function copierDirectory(state: HostState, volume: VolumeRef): string {
  return join(state.dirs.copiers, `${volume.backend}.${volume.id}`);
}

/** Name of the volume that a copier directory is of. */
export const volumeNameOf = (directory: string): string => basename(directory).replace('.', ':');

const lockIn = (directory: string): string => join(directory, 'lock');

/** Programs that write a copier directory's volume now, or are about to: they hold its lock. */
export async function copierPids(directory: string): Promise<number[]> {
  const holders = await flockHolders(lockIn(directory));
  return holders.map(({ pid }) => pid);
}

function leaseIn(directory: string, epoch: Epoch, token: string): Lease {
  const [lockFile, leaseFile] = [lockIn(directory), join(directory, 'lease')];
  return { directory, lockFile, leaseFile, token, epoch };
}

/** Whether this attempt is still the one that may write. */
export function holdsLease(lease: Lease): boolean {
  try {
    return readFileSync(lease.leaseFile, 'utf8').trimEnd() === lease.token;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Kills whoever holds the lock and proves it by taking it. @throws CopierStuck */
async function clearLock({ directory, lockFile }: Lease): Promise<void> {
  let pid = 0;
  for (let round = 0; round < 3; round += 1) {
    const holders = await flockHolders(lockFile);
    if (holders.length > 0) await liftLimits(directory);
    for (const holder of holders) {
      pid = holder.pid;
      if (!(await endProcess(holder, 'SIGKILL', KILL_SECONDS))) break;
    }
    const args = ['-w', String(LOCK_SECONDS), '-E', String(LOCKED_STATUS), lockFile, 'true'];
    if ((await runTool('flock', args)).status === 0) return;
  }
  const volume = volumeNameOf(directory);
  throw new DrayError('CopierStuck', { pid, host: hostname(), volume });
}

/** In a copier directory, which is made where there is none, and not while a fence is at work there. */
async function inCopierDirectory<T>(
  state: HostState,
  destination: VolumeRef,
  act: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = copierDirectory(state, destination);
  return exclusion.run(directory, async () => {
    await makeDirectory(directory);
    assertCurrent(state.epoch);
    return act(directory);
  });
}

/**
 * Does something in the copier directory of a copy that need not have begun. One that ended long ago
 * takes nothing from the copy that came after it.
 * @throws CopierFenced, WorkerSuperseded, StateUnwritable, StorageFull
 */
export async function inDirectoryOf(
  state: HostState,
  { destination, copyId }: { destination: VolumeRef; copyId: string },
  act: (directory: string) => Promise<void>,
): Promise<void> {
  await inCopierDirectory(state, destination, async (directory) => {
    const owner = await ownerOf(directory);
    if ((owner ?? copyId) !== copyId) {
      throw new DrayError('CopierFenced', { volume: formatVolume(destination) });
    }
    await writeAtomic(join(directory, OWNER), copyId);
    await act(directory);
  });
}

/**
 * Makes this attempt the only one that may write the destination: a copier that lives is killed,
 * one that is about to start will find another token and end. `token`: one line, never used twice.
 * @throws CopierStuck, WorkerSuperseded, StateUnwritable, StorageFull
 */
export async function takeLease(
  state: HostState,
  destination: VolumeRef,
  copyId: string,
  token: string,
): Promise<Lease> {
  return inCopierDirectory(state, destination, async (directory) => {
    await writeAtomic(join(directory, OWNER), copyId);
    const lease = leaseIn(directory, state.epoch, token);
    // Written down who may write, then made true.
    await writeAtomic(lease.leaseFile, `${lease.token}\n`);
    await clearLock(lease);
    return lease;
  });
}

async function fence(state: HostState, directory: string, forget: boolean): Promise<void> {
  const lease = leaseIn(directory, state.epoch, '');
  assertCurrent(lease.epoch);
  // Without one nobody may write; to remove it needs no space.
  await removeDurably(lease.leaseFile);
  await clearLock(lease);
  await removeGroups(directory);
  // Under the lock. Who opened it before finds no lease of its own in a later directory.
  if (forget) await runToolOrThrow('flock', [lease.lockFile, 'rm', '-rf', '--', directory]);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** The copy that a copier directory belongs to; undefined when nothing says so. */
export async function ownerOf(directory: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, OWNER), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * From its return on nothing of this copy writes the destination until a lease is taken anew. The
 * copier of another copy, which holds the volume by now, is none of its business. `forget` removes
 * the checkpoint as well, for the end of the whole copy.
 * @throws CopierStuck when the copier hangs in the kernel, WorkerSuperseded
 */
export async function fenceCopier(
  state: HostState,
  destination: VolumeRef,
  { copyId, forget }: { copyId: string; forget: boolean },
): Promise<Undone> {
  const directory = copierDirectory(state, destination);
  return exclusion.run(directory, async () => {
    const owner = await ownerOf(directory);
    if (owner === undefined ? !(await isThere(directory)) : owner !== copyId) return 'alreadyGone';
    await fence(state, directory, forget);
    return 'done';
  });
}

/**
 * Fences every copier of this host and keeps the checkpoints: for a worker that has just raised
 * the epoch, before it polls. Answers what could not be fenced: it stays refused by its own lease.
 */
export async function fenceAll(state: HostState): Promise<DrayError[]> {
  const failures: DrayError[] = [];
  for (const name of await readdir(state.dirs.copiers)) {
    try {
      const directory = join(state.dirs.copiers, name);
      await exclusion.run(directory, () => fence(state, directory, false));
    } catch (error) {
      if (!(error instanceof DrayError)) throw error;
      failures.push(error as DrayError);
    }
  }
  return failures;
}
