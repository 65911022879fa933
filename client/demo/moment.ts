import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrayError } from '../../contract/errors.ts';
import type { Described } from '../temporal/describe.ts';
import { findLocks } from './leftovers/locks.ts';
import type { Stage } from './stage.ts';

/** The window in which something is killed, as parts of what is flushed. */
const [OPENS, CLOSES] = [0.4, 0.6];

/**
 * Seconds a paced copy takes. A heartbeat is up to 3 s old when it is read, a range of a copy that
 * the kernel limits takes an eighth of it all: both leave the window open long enough.
 */
const PACED_SECONDS = 24;
const [LEAST_BLOCK, MOST_BLOCK] = [2 ** 14, 2 ** 20];

/** How long a copier that lives is waited for: paced, one works only a part of each second. */
const COPIER_MILLISECONDS = 1_500;

/** Options of a copy that can be hit: paced, in requests so small that its copier lives a while. */
export function pacedOptions(sizeBytes: number): { bytesPerSecond: number; blockSize: string } {
  const block = 2 ** Math.floor(Math.log2(sizeBytes / 2 ** 14));
  const blockBytes = Math.min(Math.max(block, LEAST_BLOCK), MOST_BLOCK);
  return {
    bytesPerSecond: Math.ceil(sizeBytes / PACED_SECONDS),
    blockSize: `${blockBytes / 2 ** 10}K`,
  };
}

/**
 * Pid of the dd that writes now: it holds the lock in its destination's directory. Synchronous, so
 * that it lives when the next statement runs.
 */
function livingCopier({ stateDir }: Stage): number | undefined {
  try {
    const copiers = join(stateDir, 'copiers');
    const locks = readdirSync(copiers).map((name) => join(copiers, name, 'lock'));
    return findLocks(locks).find(({ pid }) => commandOf(pid) === 'dd')?.pid;
  } catch {
    // A directory of /proc or of the copier that went meanwhile: no copier lives.
    return undefined;
  }
}

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();

const missed = (because: string): DrayError => new DrayError('MomentMissed', { because });

/** Flushed bytes of the copy that runs now, as its last heartbeat has told. */
export function flushedPart(described: Described): number | undefined {
  const beat = described.steps.find(({ activity }) => activity === 'copyData')?.beat;
  const { bytesFlushed, bytesTotal } = beat?.progress ?? {};
  return bytesFlushed === undefined || !bytesTotal ? undefined : bytesFlushed / bytesTotal;
}

/**
 * Strikes once while between 40 and 60 % are flushed and the copier lives. Answers its pid, or
 * undefined as long as it is too early. @throws MomentMissed
 */
export async function strikeInTheMiddle(
  described: Described,
  stage: Stage,
  strike: (copierPid: number) => void,
): Promise<number | undefined> {
  if (described.state !== 'running') throw missed(`the copy was ${described.state} before it`);
  const part = flushedPart(described);
  if (part === undefined) {
    if (['verifying', 'detaching'].includes(described.phase)) throw missed('all is copied already');
    return undefined;
  }
  if (part < OPENS) return undefined;
  if (part > CLOSES) throw missed(`${Math.round(part * 100)} % are flushed already`);
  const deadline = performance.now() + COPIER_MILLISECONDS;
  while (performance.now() < deadline) {
    const pid = livingCopier(stage);
    if (pid !== undefined) {
      strike(pid);
      return pid;
    }
    await sleep(1);
  }
  // The next heartbeat tells whether there is still time.
  return undefined;
}
