import fc from 'fast-check';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { CopyResult } from '../../contract/copy.ts';
import { runCopy } from '../../copy/copier.ts';
import { CopyPaused, type CopyRun } from '../../copy/copy-run.ts';
import { copierDirectory } from '../../copy/lease.ts';
import { writeControl } from '../../copy/steering.ts';
import { codeOf } from './rig.ts';

/** `torn`: the copier is killed, and of the checkpoint only a part is left then. */
export type Interruption = {
  how: 'kill' | 'abort' | 'pause' | 'torn';
  /** Share of the bytes that are flushed when it comes. */
  from: number;
  /** How much later it comes, as far as there is time. Unit: milliseconds. */
  later: number;
  /** Share of the checkpoint that is left. */
  left: number;
};

/** None comes when more than a third is done: there has to be something to interrupt. */
export const interruptions: fc.Arbitrary<Interruption> = fc.record({
  how: fc.constantFrom('kill', 'abort', 'pause', 'torn'),
  from: fc.double({ min: 0, max: 0.3, noNaN: true }),
  later: fc.nat(30),
  left: fc.double({ min: 0, max: 0.99, noNaN: true }),
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended: the next one is killed as well.
  }
}

/** Kills it as soon as it is ready, if it gets so far. */
async function killOnce(pid: number, isReady: (pid: number) => boolean): Promise<void> {
  const deadline = performance.now() + 1000;
  while (!isReady(pid) && performance.now() < deadline) await sleep(1);
  if (isReady(pid)) kill(pid);
}

/** Calls back with each copier from the share on, at first after a while. */
function atShare(run: CopyRun, { from, later }: Interruption, act: (pid: number) => void): void {
  let wait = later;
  run.onProgress = ({ copierPid, bytesFlushed }) => {
    if (copierPid === undefined || bytesFlushed < from * run.plan.bytesTotal) return;
    const after = wait;
    wait = 0;
    if (after === 0) act(copierPid);
    else void sleep(after).then(() => act(copierPid));
  };
}

async function tear(run: CopyRun, left: number): Promise<void> {
  const file = join(copierDirectory(run.state, run.volumes.destination), 'checkpoint.json');
  const whole = await readFile(file);
  await writeFile(file, whole.subarray(0, Math.floor(left * whole.length)));
}

/**
 * An attempt that is interrupted; fails where it was not. Answers how it ended. `isReady` is waited
 * for before a copier is killed.
 */
export async function interrupted(
  run: CopyRun,
  what: Interruption,
  isReady: (pid: number) => boolean = () => true,
): Promise<unknown> {
  const abort = new AbortController();
  const stop = new Error('stop it');
  const { runId, control } = run.wishes;
  const copy = { destination: run.volumes.destination, copyId: run.copyId, runId };
  const version = control.version + 1;
  let pause = Promise.resolve();
  atShare(run, what, (pid) => {
    if (what.how === 'abort') abort.abort(stop);
    else if (what.how === 'pause') pause = writeControl(run.state, copy, { version, paused: true });
    else void killOnce(pid, isReady);
  });
  const ending = await runCopy({ ...run, signal: abort.signal }).catch((error: unknown) => error);
  if (what.how === 'abort') expect(ending).toBe(stop);
  else if (what.how === 'pause') expect(ending).toBeInstanceOf(CopyPaused);
  else expect(codeOf(ending)).toBe('CopierFailed');
  if (what.how === 'torn') await tear(run, what.left);
  await pause;
  return ending;
}

/**
 * As many attempts as there are interruptions, each of them hit, and one that gets through.
 * `attempt` makes one with this version of what people want.
 */
export async function copyThrough(
  what: readonly Interruption[],
  attempt: (version: number) => CopyRun,
): Promise<CopyResult> {
  let version = 0;
  for (const each of what) {
    await interrupted(attempt(version), each);
    // A pause is one version, and its end another.
    version += 2;
  }
  return runCopy(attempt(version));
}
