import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineName } from '../../contract/copy.ts';
import { runCopy } from '../../copy/copier.ts';
import { copierDirectory, fenceCopier } from '../../copy/lease.ts';
import {
  GROUP_ROOTS,
  liftLimits,
  limitSetting,
  makeGroup,
  removeGroups,
  usableController,
} from '../../copy/throttle/cgroup.ts';
import { pieceBytes } from '../../copy/throttle/pacer.ts';
import { shortName } from '../../system/host-state.ts';
import { flockHolders } from '../../system/processes.ts';
import { until } from '../rig/poll.ts';
import { exec, exists, MIB, Rig, VOLUMES } from './rig.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

const limit = { device: '8:16', role: 'destination' as const, bytesPerSecond: 1048576 };

/** Ratio of the measured rate to the limit, and the cgroups the copier was seen in. */
async function measure(kind: 'paced' | 'as planned', engine: EngineName = 'dd') {
  const bytesPerSecond = 4 * MIB;
  // Of lanes the start is left out, which takes its time on a busy machine; dd moves at once.
  const isDirect = engine === 'direct';
  const bytes = (isDirect ? 24 : 12) * MIB;
  const source = await rig.file('a', bytes);
  const destination = await rig.file('b', bytes, 1);
  // Else the copier's direct writes pay for the pages that this test left dirty.
  await exec('sync', [source.path, destination.path]);
  const ends = { source, destination };
  const plan = await rig.plan(ends, { bytesPerSecond, engine });
  const paced = { value: 'paced' as const, because: 'test' };
  const throttle = kind === 'paced' ? paced : plan.throttle;
  const run = rig.run({ ...plan, throttle }, ends);
  let began: number | undefined;
  let groups = '';
  const flushes = new Set<number>();
  let before = 0;
  run.onProgress = ({ copierPid, bytesFlushed, bytesSubmitted }) => {
    const isAtWork = isDirect ? bytesSubmitted > 0 : copierPid !== undefined;
    if (began === undefined && isAtWork) {
      [began, before] = [performance.now(), bytesSubmitted];
    }
    flushes.add(bytesFlushed);
    if (copierPid !== undefined && existsSync(`/proc/${copierPid}/cgroup`)) {
      groups += readFileSync(`/proc/${copierPid}/cgroup`, 'utf8');
    }
  };
  await runCopy(run);
  const seconds = (performance.now() - began!) / 1000;
  return { ratio: (bytes - before) / seconds / bytesPerSecond, groups, throttle, flushes };
}

function assertKept({ ratio, flushes }: { ratio: number; flushes: Set<number> }): void {
  expect(ratio).toBeGreaterThan(0.85);
  expect(ratio).toBeLessThan(1.15);
  // What a slow copy has done is recorded as it goes.
  expect(flushes.size).toBeGreaterThan(2);
}

it('pacing of direct keeps the average within 15 %', async () => {
  assertKept(await measure('paced', 'direct'));
});

it('pacing of dd and file keeps the average within 15 % over ten seconds', async () => {
  const bytesPerSecond = 3 * MIB;
  const bytes = 10 * bytesPerSecond;
  const paced = { value: 'paced' as const, because: 'test' };
  const source = await rig.file('a', bytes);
  const measured = (['dd', 'file'] as const).map(async (engine) => {
    const destination = await rig.file(engine, bytes, 1);
    await exec('sync', [source.path, destination.path]);
    const ends = { source, destination };
    const plan = await rig.plan(ends, { bytesPerSecond, engine });
    const volumes = { ...VOLUMES, destination: { backend: 'file', id: engine } };
    const run = rig.run({ ...plan, throttle: paced }, ends, { volumes, copyId: engine });
    const began = performance.now();
    await runCopy(run);
    const seconds = (performance.now() - began) / 1000;
    const flushes = new Set(run.seen.map(({ bytesFlushed }) => bytesFlushed));
    return { ratio: bytes / seconds / bytesPerSecond, flushes };
  });
  for (const each of await Promise.all(measured)) assertKept(each);
}, 60_000);

it('a cgroup limits the copier for real and is gone after it', async (context) => {
  const { ratio, groups, throttle } = await measure('as planned');
  if (throttle.value === 'paced') context.skip(throttle.because);
  // Not less than the limit: how much slower it is depends on what else the disk is doing.
  expect(ratio).toBeLessThan(1.15);
  const name = `drayage-${shortName(copierDirectory(rig.state, VOLUMES.destination))}`;
  expect(groups).toContain(name);
  for (const root of Object.values(GROUP_ROOTS))
    expect(await exists(`${root}/${name}`)).toBe(false);
});

it('a copier whose request the kernel holds back is fenced at once', async (context) => {
  const ends = { source: await rig.file('a', 8 * MIB), destination: await rig.file('b', 8 * MIB) };
  await exec('sync', [ends.source.path, ends.destination.path]);
  // At this rate one request takes a minute.
  const plan = await rig.plan(ends, { bytesPerSecond: MIB / 64, blockSize: '1M' });
  if (plan.throttle.value === 'paced') context.skip(plan.throttle.because);
  const run = rig.run(plan, ends);
  const ended = runCopy(run).catch((error: unknown) => (error as { code?: string }).code);
  const directory = copierDirectory(rig.state, VOLUMES.destination);
  const lock = `${directory}/lock`;
  await until('it copies', async () => (await flockHolders(lock)).length > 0);
  await sleep(1000);
  const began = performance.now();
  await fenceCopier(rig.state, VOLUMES.destination, { copyId: run.copyId, forget: false });
  expect(performance.now() - began).toBeLessThan(5000);
  expect(await ended).toBe('CopierFenced');
});

describe('cgroup', () => {
  it('v2 gets io.max of one device in a group of its own', async () => {
    const roots = { v1: rig.path('v1'), v2: rig.path('v2') };
    await mkdir(roots.v2);
    expect(await usableController(roots)).toBeUndefined();
    await writeFile(`${roots.v2}/cgroup.controllers`, 'cpu io memory\n');
    expect(await usableController(roots)).toBe('cgroup-v2');
    const group = await makeGroup('/state/copiers/a.b', 'cgroup-v2', limit, roots);
    expect(await readFile(`${group}/io.max`, 'utf8')).toBe('8:16 wbps=1048576');
    expect(await readFile(`${roots.v2}/cgroup.subtree_control`, 'utf8')).toBe('+io');
  });

  it('the limits of both kinds are lifted', async () => {
    const roots = { v1: rig.path('v1'), v2: rig.path('v2') };
    await mkdir(roots.v1);
    await mkdir(roots.v2);
    const v1 = await makeGroup('/state/copiers/a.b', 'cgroup-v1', limit, roots);
    const v2 = await makeGroup('/state/copiers/a.b', 'cgroup-v2', limit, roots);
    await liftLimits('/state/copiers/a.b', roots);
    expect(await readFile(`${v1}/blkio.throttle.write_bps_device`, 'utf8')).toBe('8:16 0');
    expect(await readFile(`${v2}/io.max`, 'utf8')).toBe('8:16 wbps=max');
  });

  it('removing what is not there, and lifting its limits, is success', async () => {
    await liftLimits('/state/copiers/never.made');
    await removeGroups('/state/copiers/never.made');
  });

  it.each([
    ['cgroup-v1', 'source', 'blkio.throttle.read_bps_device', '8:16 1048576'],
    ['cgroup-v1', 'destination', 'blkio.throttle.write_bps_device', '8:16 1048576'],
    ['cgroup-v2', 'source', 'io.max', '8:16 rbps=1048576'],
  ] as const)('%s of the %s: %s', (kind, role, file, text) =>
    expect(limitSetting(kind, { ...limit, role })).toEqual({ file, text }),
  );
});

it.each([
  [10 * MIB, MIB, 256 * MIB, 10 * MIB],
  [1000, MIB, 256 * MIB, MIB],
  [1024 * MIB, MIB, 256 * MIB, 256 * MIB],
])('at %d bytes a second, requests of %d and ranges of %d, a piece has %d bytes', (r, b, m, n) =>
  expect(pieceBytes(r, b, m)).toBe(n),
);
