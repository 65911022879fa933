import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrayError } from '../../contract/errors.ts';
import { findLocks } from './leftovers/locks.ts';
import type { Stage } from './stage.ts';

/** The window in which something is killed, as parts of what is flushed. */
const [OPENS, CLOSES] = [0.4, 0.6];

/** Seconds a paced copy takes; less where the kernel limits what is written, and holes are not. */
const PACED_SECONDS = 24;
const [LEAST_BLOCK, MOST_BLOCK] = [2 ** 14, 2 ** 20];

/** Options of a copy that can be hit: paced, in requests so small that its copier lives a while. */
export function pacedOptions(sizeBytes: number): { bytesPerSecond: number; blockSize: string } {
  const block = 2 ** Math.floor(Math.log2(sizeBytes / 2 ** 14));
  const blockBytes = Math.min(Math.max(block, LEAST_BLOCK), MOST_BLOCK);
  return {
    bytesPerSecond: Math.ceil(sizeBytes / PACED_SECONDS),
    blockSize: `${blockBytes / 2 ** 10}K`,
  };
}

/** What a copier is before it becomes the program that copies. */
const NOT_YET = ['setpriv', 'flock', 'sh', 'ionice'];

/**
 * Pid of the copier that writes now: it holds the lock in its destination's directory. Synchronous, so
 * that it lives when the next statement runs.
 */
function livingCopier({ stateDir }: Stage): number | undefined {
  try {
    const copiers = join(stateDir, 'copiers');
    const locks = readdirSync(copiers).map((name) => join(copiers, name, 'lock'));
    return findLocks(locks).find(({ pid }) => !NOT_YET.includes(commandOf(pid)))?.pid;
  } catch {
    // A directory of /proc or of the copier that went meanwhile: no copier lives.
    return undefined;
  }
}

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();

const missed = (because: string): DrayError => new DrayError('MomentMissed', { because });

/** What the host file of a copy says; only what is needed of it. */
type Checkpoint = { bytesTotal: number; flushed: { length: number }[] };

/**
 * The part of the copy that is known to be flushed now, from the worker's own checkpoint: a
 * heartbeat is up to 3 s old, and in that time a range may be over. undefined when none is there.
 */
function flushedPart({ stateDir, destination }: Stage): number | undefined {
  const { backend, id } = destination;
  try {
    const file = join(stateDir, 'copiers', `${backend}.${id}`, 'checkpoint.json');
    const { text } = JSON.parse(readFileSync(file, 'utf8')) as { text: string };
    const { bytesTotal, flushed } = JSON.parse(text) as Checkpoint;
    return flushed.reduce((sum, { length }) => sum + length, 0) / bytesTotal;
  } catch {
    // Not yet there, or no longer.
    return undefined;
  }
}

/** `part`: what was flushed at that moment, 0 to 1. */
export type Struck = { part: number; copierPid: number };

/**
 * Waits for the middle of the copy and strikes once while between 40 and 60 % are flushed and the
 * copier lives. `over` ends the waiting. @throws MomentMissed
 */
export async function strikeInTheMiddle(
  stage: Stage,
  over: AbortSignal,
  strike: (copierPid: number) => void,
): Promise<Struck> {
  let last = 0;
  for (;;) {
    const part = flushedPart(stage) ?? last;
    if (over.aborted) throw missed(`it ended with ${Math.round(part * 100)} % seen flushed`);
    if (part > CLOSES) throw missed(`${Math.round(part * 100)} % are flushed already`);
    const copierPid = part < OPENS ? undefined : livingCopier(stage);
    if (copierPid !== undefined) {
      strike(copierPid);
      return { part, copierPid };
    }
    last = part;
    await sleep(part < OPENS ? 20 : 1);
  }
}
