import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CopyEnds, CopyPlan, CopyProgress, EngineName } from '../../contract/copy.ts';
import { runCopy } from '../../copy/copier.ts';
import { openForCopy } from '../../copy/ends.ts';
import { copierDirectory, fenceAll, fenceCopier, holdsLease, takeLease } from '../../copy/lease.ts';
import { copierStarter } from '../../copy/start-copier.ts';
import { supervise } from '../../copy/supervise.ts';
import { raiseEpoch } from '../../system/epoch.ts';
import { flockHolders, identifyProcess, waitForEnd } from '../../system/processes.ts';
import { codeOf, digest, exists, MIB, Rig, VOLUMES } from './rig.ts';

let rig: Rig;
let ends: CopyEnds;
const never = new AbortController().signal;
const { destination } = VOLUMES;

beforeEach(async () => {
  rig = await Rig.make();
  ends = await makeEnds(8 * MIB);
});
afterEach(() => rig.close());

const makeEnds = async (bytes: number): Promise<CopyEnds> => ({
  source: await rig.file('a', bytes),
  destination: await rig.file('b', bytes, 0xaa),
});

/** Pids of other programs of this name that have the file open. */
async function writersOf(path: string, program: 'dd' | 'node' = 'dd'): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      if (name.trim() !== program || Number(pid) === process.pid) return [];
      const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
      const links = fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''));
      return (await Promise.all(links)).includes(path) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

/** Ends of so many sectors that dd, which moves them one by one, is at it for a second or more. */
async function slowPlan(): Promise<CopyPlan> {
  ends = await makeEnds(64 * MIB);
  return rig.plan(ends, { blockSize: '512' });
}

/** So slow that whoever looks in a loop sees each copier; lanes need a limit for that. */
async function slowPlanOf(engine: EngineName): Promise<CopyPlan> {
  if (engine === 'dd') return slowPlan();
  const plan = await rig.plan(ends, { engine, bytesPerSecond: 4 * MIB });
  return { ...plan, throttle: { value: 'paced', because: 'test' } };
}

type Worker = { child: ChildProcess; until(seen: (p: CopyProgress) => boolean): Promise<void> };

function startWorker(plan: CopyPlan): Worker & { ended: Promise<string | undefined> } {
  const entry = new URL('./frozen-worker.ts', import.meta.url).pathname;
  const input = JSON.stringify({ state: rig.state, plan, ends });
  const child = spawn(process.execPath, ['--import', 'tsx', entry, input], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  rig.undo(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const lines: (CopyProgress & { ended?: string })[] = [];
  createInterface({ input: child.stdout }).on('line', (line) =>
    lines.push(JSON.parse(line) as (typeof lines)[number]),
  );
  const until = async (seen: (p: CopyProgress & { ended?: string }) => boolean): Promise<void> => {
    const deadline = Date.now() + 20_000;
    while (!lines.some(seen)) {
      if (Date.now() > deadline) throw new Error(`not seen in ${JSON.stringify(lines.at(-1))}`);
      await sleep(5);
    }
  };
  const ended = once(child, 'close').then(() => lines.at(-1)?.ended);
  return { child, until, ended };
}

describe('the guard, inside the lock', () => {
  async function startWith(change: () => Promise<unknown>): Promise<number | null> {
    const lease = await takeLease(rig.state, destination, 'copy-1', 'attempt-1');
    const open = await openForCopy(ends, VOLUMES);
    try {
      await change();
      const child = copierStarter(
        lease,
        open,
      )(['sh', '-c', 'echo written | dd of=/dev/fd/4 conv=notrunc']);
      return (await supervise(child, never)).status;
    } finally {
      await open.close();
    }
  }
  const written = async (): Promise<boolean> =>
    (await readFile(ends.destination.path, 'latin1')).startsWith('written');

  it('starts the attempt that has the lease', async () => {
    expect(await startWith(() => Promise.resolve())).toBe(0);
    expect(await written()).toBe(true);
  });

  it('ends one of an older epoch', async () => {
    expect(await startWith(() => raiseEpoch(rig.state.epoch.file, 'test'))).toBe(76);
    expect(await written()).toBe(false);
  });

  it('ends one whose lease another attempt has taken', async () => {
    expect(await startWith(() => takeLease(rig.state, destination, 'copy-1', 'attempt-2'))).toBe(
      76,
    );
    expect(await written()).toBe(false);
  });

  it('ends one that was fenced, and one whose directory was forgotten', async () => {
    expect(
      await startWith(() =>
        fenceCopier(rig.state, destination, { copyId: 'copy-1', forget: false }),
      ),
    ).toBe(76);
    const directory = copierDirectory(rig.state, destination);
    const forgotten = async (): Promise<void> => {
      await fenceCopier(rig.state, destination, { copyId: 'copy-1', forget: true });
      expect(await exists(directory)).toBe(false);
      await mkdir(directory);
    };
    expect(await startWith(forgotten)).toBe(76);
    expect(await written()).toBe(false);
  });

  it('ends one that finds the lock held', async () => {
    const lock = join(copierDirectory(rig.state, destination), 'lock');
    const hold = async (): Promise<void> => {
      const holder = spawn('flock', ['-F', lock, 'sleep', '60']);
      rig.undo(() => Promise.resolve(holder.kill('SIGKILL')));
      while ((await flockHolders(lock)).length === 0) await sleep(10);
    };
    expect(await startWith(hold)).toBe(75);
    expect(await written()).toBe(false);
  });
});

it.each(['dd', 'direct'] as const)(
  'two attempts with %s: one writes at a time, the later one ends',
  async (engine) => {
    const plan = await slowPlanOf(engine);
    const program = engine === 'dd' ? 'dd' : 'node';
    let most = 0;
    const sampling = new AbortController();
    const sampler = (async () => {
      while (!sampling.signal.aborted)
        most = Math.max(most, (await writersOf(ends.destination.path, program)).length);
    })();
    const first = rig.run(plan, ends, { token: 'first' });
    const firstEnd = runCopy(first).then(() => 'done', codeOf);
    while (!first.seen.some(({ copierPid }) => copierPid !== undefined)) await sleep(5);
    const second = await runCopy(rig.run(plan, ends, { token: 'second' }));
    sampling.abort();
    await sampler;
    expect(await firstEnd).toBe('CopierFenced');
    expect(most).toBe(1);
    expect(second.attempts).toBe(2);
    expect(second.bytesCopiedAgain).toBeLessThanOrEqual(plan.rangeBytes);
    expect(await digest(ends.destination.path)).toBe(await digest(ends.source.path));
  },
);

it('a worker that was stopped until another one took over writes nothing more', async () => {
  const plan = await rig.plan(ends, { bytesPerSecond: 2 * MIB });
  const paced = { ...plan, throttle: { value: 'paced' as const, because: 'test' } };
  const worker = startWorker(paced);
  await worker.until((progress) => progress.bytesFlushed >= MIB);
  worker.child.kill('SIGSTOP');
  const epoch = await raiseEpoch(rig.state.epoch.file, 'test');
  expect(await fenceAll({ ...rig.state, epoch })).toEqual([]);
  await writeFile(ends.destination.path, Buffer.alloc(8 * MIB, 0x55));
  const before = await digest(ends.destination.path);
  worker.child.kill('SIGCONT');
  expect(await worker.ended).toMatch(/WorkerSuperseded|CopierFenced/);
  expect(await digest(ends.destination.path)).toBe(before);
});

it('a copier dies with a worker that gets SIGKILL', async () => {
  const worker = startWorker(await slowPlan());
  await worker.until((progress) => progress.bytesSubmitted > 0);
  let pids: number[] = [];
  while (pids.length === 0) pids = await writersOf(ends.destination.path);
  const copiers = pids.map(identifyProcess);
  worker.child.kill('SIGKILL');
  for (const copier of copiers) {
    if (copier !== undefined) expect(await waitForEnd(copier, 5)).toBe(true);
  }
  expect(await flockHolders(join(copierDirectory(rig.state, destination), 'lock'))).toEqual([]);
});

describe('fencing', () => {
  it('of nothing is success', async () =>
    expect(await fenceCopier(rig.state, destination, { copyId: 'copy-1', forget: true })).toBe(
      'alreadyGone',
    ));

  it('of another copy that had the volume before leaves this one alone', async () => {
    const lease = await takeLease(rig.state, destination, 'copy-1', 'attempt-1');
    const before = { copyId: 'copy-0', forget: true };
    expect(await fenceCopier(rig.state, destination, before)).toBe('alreadyGone');
    expect(holdsLease(lease)).toBe(true);
  });

  it('kills the copier and ends its attempt, which may not write its checkpoint either', async () => {
    const run = rig.run(await slowPlan(), ends);
    const copy = runCopy(run).catch(codeOf);
    while ((await writersOf(ends.destination.path)).length === 0) await sleep(5);
    expect(await fenceCopier(rig.state, destination, { copyId: 'copy-1', forget: true })).toBe(
      'done',
    );
    expect(await writersOf(ends.destination.path)).toEqual([]);
    expect(await copy).toBe('CopierFenced');
    expect(await exists(copierDirectory(rig.state, destination))).toBe(false);
  });

  it('is refused to a worker that was superseded', async () => {
    const lease = await takeLease(rig.state, destination, 'copy-1', 'attempt-1');
    expect(holdsLease(lease)).toBe(true);
    const stale = { ...rig.state, epoch: { ...rig.state.epoch, number: 0 } };
    await expect(
      fenceCopier(stale, destination, { copyId: 'copy-1', forget: false }),
    ).rejects.toMatchObject({
      code: 'WorkerSuperseded',
    });
    expect(holdsLease(lease)).toBe(true);
  });
});
