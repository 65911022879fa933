import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ShownFleet } from '../../client/temporal/fleet.ts';
import type { FleetReport } from '../../client/temporal/fleet-report.ts';
import type { FleetStatus } from '../../contract/fleet.ts';
import { endProcess, type ProcessId } from '../../system/processes.ts';
import { until } from '../rig/poll.ts';
import { fixedPort } from '../rig/ports.ts';
import { HOUSE_LIMITS, SmallHouse } from '../rig/small-house.ts';
import { randomControlPort, removeControlSocket } from '../rig/tgtd.ts';

const MIB = 2 ** 20;
const controlPort = randomControlPort();
let house: SmallHouse;

beforeAll(async () => {
  const portal = `127.0.0.1:${await fixedPort()}`;
  house = await SmallHouse.open({
    more: (directory) => ({
      // Longer than a worker needs to start again.
      limits: { ...HOUSE_LIMITS, scheduleToStartSeconds: 60 },
      backends: {
        disks: { type: 'file', root: join(directory, 'disks') },
        san: { type: 'tgt', root: join(directory, 'san'), managed: true, controlPort, portal },
      },
    }),
  });
});
afterAll(async () => {
  await house.endWorker('SIGTERM');
  // A worker leaves its tgtd alone as long as something is exported: after a failed test.
  const left = await readFile(join(house.directory, 'san', 'tgtd', 'process.json'), 'utf8').catch(
    () => undefined,
  );
  if (left !== undefined) await endProcess(JSON.parse(left) as ProcessId, 'SIGKILL', 10);
  await removeControlSocket(controlPort);
  await house.close();
});

function file(backend: string, id: string): string {
  return join(house.directory, backend, 'volumes', `${id}.raw`);
}

/** On `disks` with random data, on `san` with other data. */
async function plant(ids: readonly string[], bytes = MIB): Promise<void> {
  await mkdir(join(house.directory, 'san', 'volumes'), { recursive: true });
  for (const id of ids) {
    await writeFile(file('disks', id), randomBytes(bytes), { flush: true });
    await writeFile(file('san', id), Buffer.alloc(bytes, 0x5a), { flush: true });
  }
}

async function equal(id: string): Promise<boolean> {
  const [source, destination] = await Promise.all(
    ['disks', 'san'].map((b) => readFile(file(b, id))),
  );
  return source!.equals(destination!);
}

/** The document that `dray … --json` prints, and how it ended. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a test looks into
async function json(...args: string[]): Promise<{ status: number | undefined; said: any }> {
  const { status, stdout, stderr } = await house.dray(...args, '--json');
  expect(stdout, stderr).not.toBe('');
  return { status, said: JSON.parse(stdout) as unknown };
}

async function fleetStatus(name: string): Promise<FleetStatus> {
  return until('an answer', async () => {
    return ((await json('fleet', 'status', name)).said as ShownFleet).status;
  });
}

type Refused = { status: number | undefined; code: string; message: string };
const refused = async (...args: string[]): Promise<Refused> => {
  const { status, said } = await json(...args);
  return { status, ...(said as { error: Omit<Refused, 'status'> }).error };
};

it(
  'a plan of the volumes of a backend is carried out, and reported',
  { timeout: 300_000 },
  async () => {
    const ids = ['vm-1', 'vm-2', 'vm-3', 'vm-4'];
    await plant(ids);
    await writeFile(file('disks', 'vm-5'), randomBytes(MIB));
    await plant(['other']);
    const out = join(house.directory, 'plan.yaml');
    const plan = ['fleet', 'plan', 'evening', '--backend', 'disks', '--to', 'san', '--out', out];
    const missing = await refused(...plan, '--name', 'vm-*');
    expect(missing).toMatchObject({ status: 2, code: 'FleetPlanInvalid' });
    expect(missing.message).toContain(
      `san:vm-5 does not exist: dray volume create san:vm-5 ${MIB}`,
    );
    expect((await refused(...plan, '--name', 'no*')).message).toContain(
      'no volume has such a name',
    );

    expect(await refused(...plan, '--csv', out)).toMatchObject({ status: 2, code: 'BadOption' });
    await house.dray('volume', 'create', 'san:vm-5', '1MiB');
    const planned = await house.dray(...plan, '--name', 'vm-*', '--canary', '1', '--at-once', '2');
    expect(planned.stderr).toBe('');
    expect(planned.stdout).toContain('fleet evening, 5 volumes, 5 MiB');
    expect((await refused(...plan, '--name', 'vm-*')).message).toContain('EEXIST');

    expect((await json('fleet', 'start', out)).said).toMatchObject({ status: 'started' });
    await until('it is over', async () => (await fleetStatus('evening')).phase === 'done', {
      seconds: 200,
      everyMs: 500,
    });
    const report = await json('fleet', 'report', 'evening');
    expect(report.status).toBe(0);
    const { volumes } = report.said as FleetReport;
    expect(volumes.map(({ state, wave }) => [state, wave])).toEqual([
      ['done', 0],
      ...[2, 3, 4, 5].map(() => ['done', 1]),
    ]);
    for (const id of [...ids, 'vm-5']) expect(await equal(id)).toBe(true);
    expect(await equal('other')).toBe(false);
    expect((await json('leaks')).status).toBe(0);
    const text = (await house.dray('fleet', 'status')).stdout;
    expect(text).toMatch(/^evening +done/m);
  },
);

it(
  'its worker killed and its parent terminated in the middle, each volume is copied once',
  {
    timeout: 300_000,
  },
  async () => {
    const ids = ['k-1', 'k-2', 'k-3', 'k-4', 'k-5', 'k-6'];
    await plant(ids, 4 * MIB);
    const csv = join(house.directory, 'fleet.csv');
    const rows = ids.map((id, i) => `disks:${id},san:${id},t${i % 2}`);
    await writeFile(csv, ['source,destination,tenant', ...rows].join('\n'));
    const out = join(house.directory, 'killed.yaml');
    const plan = ['fleet', 'plan', 'killed', '--csv', csv, '--out', out, '--at-once', '3'];
    expect((await house.dray(...plan)).status).toBe(0);
    await json('fleet', 'start', out);
    await until('some are done', async () => (await fleetStatus('killed')).counts.done >= 1, {
      seconds: 120,
    });
    await house.endWorker('SIGKILL');
    await house.client.workflow.getHandle('fleet/killed').terminate('a test');
    await house.startWorker();
    expect((await json('fleet', 'start', out)).said).toMatchObject({ status: 'started' });
    await until('it is over', async () => (await fleetStatus('killed')).phase === 'done', {
      seconds: 200,
      everyMs: 500,
    });
    expect((await fleetStatus('killed')).counts).toMatchObject({ done: 6, failed: 0 });
    for (const id of ids) {
      expect(await equal(id)).toBe(true);
      const { count } = await house.client.workflow.count(`WorkflowId = "copy/disks:${id}"`);
      expect(count).toBe(1);
    }
    expect((await json('leaks')).status).toBe(0);
  },
);

it('bad plans are refused with their lines, and nothing is started', async () => {
  const csv = join(house.directory, 'bad.csv');
  await writeFile(csv, 'source,destination\ndisks:a,san:a\ndisks:a,san:b\nnothing,san:c\n');
  const out = join(house.directory, 'bad.yaml');
  const bad = await refused('fleet', 'plan', 'bad', '--csv', csv, '--out', out);
  expect(bad).toMatchObject({ status: 2, code: 'FleetPlanInvalid' });
  expect(bad.message).toContain('line 3: disks:a is in line 2 already');
  expect(bad.message).toContain('line 4: source: "nothing" is not a volume');
  await writeFile(out, 'name: bad\nvolumes: [{ source: disks:a }]\n');
  const start = await refused('fleet', 'start', out);
  expect(start).toMatchObject({ status: 2, code: 'FleetPlanInvalid' });
  expect(start.message).toContain('line 2: destination');
  expect(await refused('fleet', 'status', 'bad')).toMatchObject({ code: 'FleetNotFound' });
  expect(await refused('fleet', 'pause', 'bad')).toMatchObject({ code: 'FleetNotFound' });
  expect(await refused('fleet', 'resize', 'bad')).toMatchObject({ code: 'BadOption' });
  expect(await refused('fleet', 'start', '/nowhere')).toMatchObject({ code: 'FleetPlanInvalid' });
});
