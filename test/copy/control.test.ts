import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CopyControl } from '../../contract/control.ts';
import type { CopyPlan, EngineName } from '../../contract/copy.ts';
import { runCopy } from '../../copy/copier.ts';
import { CopyPaused, type CopyRun } from '../../copy/copy-run.ts';
import { copierDirectory, fenceCopier, takeLease } from '../../copy/lease.ts';
import { Steering, writeControl } from '../../copy/steering.ts';
import { digest, exec, exists, MIB, Rig, VOLUMES } from './rig.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

const COPY = { destination: VOLUMES.destination, copyId: 'copy-1', runId: 'run-1' };
const tell = (version: number, control: Partial<CopyControl>, copy = COPY): Promise<void> =>
  writeControl(rig.state, copy, { version, paused: false, ...control });

describe('what is wanted of a copy', () => {
  const directory = (): string => copierDirectory(rig.state, VOLUMES.destination);
  const open = (control: Partial<CopyControl> = {}, planned?: number): Promise<Steering> => {
    const wishes = { ...rig.wishes(control), hostLimit: () => 7 };
    const plan = planned === undefined ? {} : { bytesPerSecond: planned };
    const run = { copyId: COPY.copyId, log: rig.log, wishes, plan };
    return Steering.open({ directory: directory() }, run);
  };
  async function limitOf(control: Partial<CopyControl>, planned?: number) {
    const steering = await open(control, planned);
    steering.close();
    return steering.limit;
  }

  it('is what people say, else the plan, else the host', async () => {
    expect(await limitOf({})).toBe(7);
    expect(await limitOf({}, 5)).toBe(5);
    expect(await limitOf({ limit: 3 }, 5)).toBe(3);
    expect(await limitOf({ limit: 'unlimited' }, 5)).toBeUndefined();
  });

  it('is the newest of file and step, an older one changes nothing', async () => {
    await tell(2, { limit: 2 });
    await tell(1, { limit: 1 });
    expect(await limitOf({ version: 1, limit: 11 })).toBe(2);
    expect(await limitOf({ version: 3, limit: 33 })).toBe(33);
  });

  it('of another run of the workflow counts for nothing, and is replaced', async () => {
    await tell(9, { limit: 9 }, { ...COPY, runId: 'before the reset' });
    expect(await limitOf({}, 5)).toBe(5);
    await tell(1, { limit: 1 });
    expect(await limitOf({}, 5)).toBe(1);
  });

  it('is said aloud when it cannot be read, and the next one counts again', async () => {
    await tell(1, { limit: 1 });
    const file = join(directory(), 'control.json');
    await writeFile(file, (await readFile(file, 'utf8')).slice(0, 20));
    expect(await limitOf({}, 5)).toBe(5);
    expect(rig.notices.join()).toContain('control.json');
    await tell(2, { limit: 2 });
    expect(await limitOf({}, 5)).toBe(2);
  });

  it('of a copy that has ended takes nothing from the one that came after it', async () => {
    const after = { copyId: 'copy-2', forget: true };
    await takeLease(rig.state, VOLUMES.destination, after.copyId, 'its token');
    await expect(tell(1, { limit: 1 })).rejects.toMatchObject({ code: 'CopierFenced' });
    const old = { ...after, copyId: COPY.copyId };
    expect(await fenceCopier(rig.state, VOLUMES.destination, old)).toBe('alreadyGone');
    expect(await fenceCopier(rig.state, VOLUMES.destination, after)).toBe('done');
  });

  it('is told of as not known, whatever is in its place', async () => {
    await mkdir(join(directory(), 'control.json'), { recursive: true });
    expect(await limitOf({}, 5)).toBe(5);
    expect(rig.notices.join()).toContain('is not known');
  });

  it('reaches who follows it within a second, and is gone with the checkpoint', async () => {
    const steering = await open();
    const changed = new Promise<number>((resolve) => {
      steering.follow(() => resolve(performance.now()));
    });
    const at = performance.now();
    await tell(1, { paused: true });
    expect((await changed) - at).toBeLessThan(1000);
    expect(steering.paused).toBe(true);
    steering.close();
    await fenceCopier(rig.state, VOLUMES.destination, { copyId: 'copy-1', forget: true });
    expect(await exists(directory())).toBe(false);
  });
});

/** The copy until it ends or pauses. */
async function attempt(run: CopyRun) {
  return runCopy(run).catch((error: unknown) => {
    if (error instanceof CopyPaused) return error;
    throw error;
  });
}

async function prepare(engine: EngineName, bytes: number, bytesPerSecond?: number) {
  const source = await rig.file('a', bytes);
  const destination = await rig.file('b', bytes, 0xaa);
  await exec('sync', [source.path, destination.path]);
  const ends = { source, destination };
  const rate = bytesPerSecond === undefined ? {} : { bytesPerSecond };
  const planned = await rig.plan(ends, { engine, ...rate });
  const plan: CopyPlan = { ...planned, throttle: { value: 'paced', because: 'test' } };
  return { ends, plan };
}

/** Bytes handed over so far, and when there were some. */
function watched(run: CopyRun): { submitted: number } {
  const seen = { submitted: 0 };
  run.onProgress = ({ bytesSubmitted }) => void (seen.submitted = bytesSubmitted);
  return seen;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(20);
}

it('another rate holds within a second, within 15 % over ten, and none means none', async () => {
  const { ends, plan } = await prepare('direct', 128 * MIB, MIB);
  const run = rig.run(plan, ends);
  const seen = watched(run);
  const copy = attempt(run);
  await until(() => seen.submitted > 0);
  await tell(1, { limit: 4 * MIB });
  await sleep(1000);
  const [before, at] = [seen.submitted, performance.now()];
  await sleep(10_000);
  const rate = (seen.submitted - before) / ((performance.now() - at) / 1000);
  expect(rate / (4 * MIB)).toBeGreaterThan(0.85);
  expect(rate / (4 * MIB)).toBeLessThan(1.15);
  await tell(2, { limit: 'unlimited' });
  const rest = performance.now();
  await copy;
  // The rest would have taken 20 s.
  expect(performance.now() - rest).toBeLessThan(12_000);
  expect(await digest(ends.destination.path)).toBe(await digest(ends.source.path));
}, 60_000);

it.each(['dd', 'file'] as const)(
  'another rate holds for %s from its next range',
  async (engine) => {
    const { ends, plan } = await prepare(engine, 64 * MIB, MIB);
    const run = rig.run(plan, ends);
    const seen = watched(run);
    const copy = attempt(run);
    await until(() => seen.submitted >= MIB);
    await tell(1, { limit: 64 * MIB });
    const at = performance.now();
    await copy;
    // It would have taken a minute.
    expect(performance.now() - at).toBeLessThan(35_000);
    expect(await digest(ends.destination.path)).toBe(await digest(ends.source.path));
  },
);

it('a limit comes to a copy that has none', async () => {
  const { ends, plan } = await prepare('direct', 24 * MIB);
  const unlimited: CopyPlan = { ...plan, throttle: { value: 'none', because: 'no limit' } };
  await tell(1, { limit: 8 * MIB });
  const at = performance.now();
  await attempt(rig.run(unlimited, ends));
  expect(performance.now() - at).toBeGreaterThan(2500);
});

it.each(['direct', 'dd'] as const)(
  '%s pauses and goes on, and copies nothing twice',
  async (engine) => {
    const bytes = 24 * MIB + 512;
    const { ends, plan } = await prepare(engine, bytes, 8 * MIB);
    let version = 0;
    let before = 0;
    for (const until of [0.15, 0.35, 0.55]) {
      const run = rig.run(plan, ends, { wishes: rig.wishes({ version }) });
      let asked: Promise<number> | undefined;
      run.onProgress = ({ bytesSubmitted }) => {
        if (bytesSubmitted < until * bytes) return;
        asked ??= tell((version += 1), { paused: true }).then(() => performance.now());
      };
      const paused = await attempt(run);
      expect(performance.now() - (await asked!)).toBeLessThan(1000);
      expect(paused).toBeInstanceOf(CopyPaused);
      const { progress } = paused as CopyPaused;
      expect(progress).toMatchObject({
        settled: { bytesCopiedAgain: 0 },
        bytesTotal: bytes,
        bytesPerSecond: 0,
      });
      expect(progress.bytesFlushed).toBe(progress.bytesSubmitted);
      expect(progress.bytesFlushed).toBeGreaterThan(before);
      expect(progress.bytesFlushed).toBeLessThan(bytes);
      before = progress.bytesFlushed;
      // An attempt while it is paused does nothing and counts for nothing.
      expect(await attempt(rig.run(plan, ends))).toBeInstanceOf(CopyPaused);
      version += 1;
      await tell(version, { paused: false });
    }
    const result = await attempt(rig.run(plan, ends, { wishes: rig.wishes({ version }) }));
    expect(result).toMatchObject({ bytes, attempts: 1, bytesCopiedAgain: 0 });
    expect(await digest(ends.destination.path)).toBe(await digest(ends.source.path));
  },
  60_000,
);

it('the time of a pause is no time of the copy', async () => {
  const { ends, plan } = await prepare('direct', 4 * MIB);
  const at = performance.now();
  await tell(1, { paused: true });
  expect(await attempt(rig.run(plan, ends))).toBeInstanceOf(CopyPaused);
  await sleep(3000);
  await tell(2, { paused: false });
  const result = await runCopy(rig.run(plan, ends));
  expect(result.seconds).toBeLessThan((performance.now() - at) / 1000 - 2.9);
});

it('another host goes on from where it was paused, with nothing in doubt', async () => {
  const { ends, plan } = await prepare('direct', 8 * MIB, 4 * MIB);
  const run = rig.run(plan, ends);
  run.onProgress = ({ bytesSubmitted }) => {
    if (bytesSubmitted >= 2 * MIB) void tell(1, { paused: true });
  };
  const { progress } = (await attempt(run)) as CopyPaused;
  await fenceCopier(rig.state, VOLUMES.destination, { copyId: 'copy-1', forget: true });
  const wishes = rig.wishes({ version: 2, limit: 'unlimited' });
  const again = rig.run(plan, ends, { heartbeat: progress, wishes });
  const result = await attempt(again);
  expect(result).toMatchObject({ attempts: 1, bytesCopiedAgain: 0 });
  expect('seconds' in result && result.seconds).toBeGreaterThan(progress.settled!.seconds);
  expect(again.seen[0]?.bytesFlushed).toBe(progress.bytesFlushed);
  expect(await digest(ends.destination.path)).toBe(await digest(ends.source.path));
});
