import { Client, Connection } from '@temporalio/client';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findLeaks } from '../../client/temporal/find-leaks.ts';
import { copyWorkflowId } from '../../contract/ids.ts';
import type { FindLeaksInput, Leaks } from '../../contract/leaks.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { loadConfig } from '../../system/config/load.ts';
import { createKey, keysDirectory } from '../../system/config/keys.ts';
import { flockHolders } from '../../system/processes.ts';
import { dray, spawnDray } from '../rig/dray.ts';
import { until } from '../rig/poll.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';
import { startTgtd, tgtadm, type Tgtd } from '../rig/tgtd.ts';

const THEIRS = 'iqn.2001-04.com.example:theirs';

let [directory, env] = ['', {} as Record<string, string>];
let server: TestTemporal;
let tgtd: Tgtd;
let worker: ReturnType<typeof spawnDray>;
let client: Client;

/** Returns when it polls its queues. */
async function startWorker(): Promise<void> {
  worker = spawnDray(['worker'], env);
  let log = '';
  worker.stderr!.on('data', (text: Buffer) => (log += text.toString()));
  await until('the worker is ready', () => log.includes('worker ready'));
}

async function stopWorker(): Promise<void> {
  worker.kill('SIGTERM');
  await worker;
}

/** Looks for leaks of any kind, as Temporal lists them, and those that the schedule has begun. */
async function looks(): Promise<{ all: string[]; scheduled: string[] }> {
  const all: string[] = [];
  const found = client.workflow.list({ query: `WorkflowType = '${WORKFLOWS.findLeaks}'` });
  for await (const { workflowId } of found) all.push(workflowId);
  return { all, scheduled: all.filter((id) => id.startsWith('leaks/mover-')).sort() };
}

/** What `dray leaks` does, without the start of a program. */
const leaks = (release: FindLeaksInput['release'] = 'no', host?: string): Promise<Leaks> =>
  findLeaks(loadConfig(env['DRAY_CONFIG']), host, release);

/** Kinds of what is in a state, each once. */
function kinds({ acquisitions }: Leaks, state: string): string[] {
  return [...new Set(acquisitions.filter((a) => a.state === state).map((a) => a.kind))].sort();
}

/** A copy that takes half a minute. */
async function startCopy(): Promise<void> {
  const args = ['disks:a', 'san:b', '--engine', 'direct', '--limit', '1MiB', '--detach'];
  expect((await dray(['copy', ...args], env)).status).toBe(0);
  const lock = join(directory, 'state/copiers/san.b/lock');
  await until('a copier at work', async () => (await flockHolders(lock)).length > 0);
}

/** Its records are lost, then it ends in a way that takes nothing back. */
async function loseCopy(): Promise<void> {
  for (const place of ['state/claims', 'disks/reservations', 'san/reservations']) {
    for (const name of await readdir(join(directory, place))) {
      await rm(join(directory, place, name));
    }
  }
  await client.workflow.getHandle(copyWorkflowId({ backend: 'disks', id: 'a' })).terminate();
}

const targets = (): Promise<string> => tgtadm(tgtd.controlPort, '--mode', 'target', '--op', 'show');

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-leaks-'));
  [server, tgtd] = await Promise.all([startTemporal(), startTgtd()]);
  const { portal, controlPort } = tgtd;
  await tgtadm(controlPort, '--op', 'new', '--mode', 'target', '--tid', '7', '-T', THEIRS);
  const stateDir = join(directory, 'state');
  await createKey(keysDirectory({ stateDir }));
  const settings = {
    host: 'mover',
    stateDir,
    temporal: { address: server.address },
    backends: {
      disks: { type: 'file', root: join(directory, 'disks') },
      san: { type: 'tgt', root: join(directory, 'san'), portal, controlPort },
    },
    limits: { heartbeatSeconds: 3 },
  };
  const config = join(directory, 'config.yaml');
  // JSON is YAML.
  await writeFile(config, JSON.stringify(settings));
  env = { DRAY_CONFIG: config };
  client = new Client({ connection: await Connection.connect({ address: server.address }) });
  await startWorker();
  for (const id of ['disks:a', 'san:b']) await dray(['volume', 'create', id, '32MiB'], env);
  await writeFile(join(directory, 'disks/volumes/a.raw'), randomBytes(32 * 2 ** 20));
}, 120_000);

afterAll(async () => {
  await stopWorker();
  await client.connection.close();
  await tgtd.stop();
  await server.stop();
  await rm(directory, { recursive: true });
});

it('live, orphan and foreign are told apart, and only orphans are released, once', async () => {
  await startCopy();
  const live = await leaks('decided');
  expect(live.releases).toEqual([]);
  expect(kinds(live, 'live')).toEqual([
    ...['claim', 'copier', 'daemon', 'directory', 'export', 'lock', 'mount'],
    ...['reservation', 'session', 'target'],
  ]);
  expect(kinds(live, 'foreign')).toEqual(['target']);

  await loseCopy();
  await until('the copier has ended', async () => {
    return !kinds(await leaks(), 'orphan').includes('lock');
  });
  const lost = await leaks('no', 'mover');
  expect(lost.releases).toEqual([]);
  expect(kinds(lost, 'live')).toEqual([]);
  expect(kinds(lost, 'orphan')).toEqual([
    'copier',
    'daemon',
    'directory',
    'export',
    'mount',
    'session',
    'target',
  ]);
  const told = await dray(['leaks'], env);
  expect(told.status).toBe(8);
  expect(told.stdout).toContain('copy/disks:a has ended, and no claim and no reservation names it');
  expect(told.stdout).toContain('release the orphans with: dray leaks --release');

  const both = await Promise.all([leaks('decided'), leaks('decided')]);
  const outcomes = both.flatMap(({ releases }) => releases.map(({ outcome }) => outcome));
  expect(outcomes.filter((outcome) => outcome === 'started')).toHaveLength(1);
  const { workflowId } = both.flatMap(({ releases }) => releases)[0]!;
  expect(await client.workflow.getHandle(workflowId).result()).toEqual([]);
  const after = await dray(['leaks', '--release', '--json'], env);
  expect(after).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(after.stdout)).toMatchObject({ acquisitions: [{ identity: THEIRS }] });
  expect((await targets()).match(/^Target .*/gm)).toEqual([`Target 7: ${THEIRS}`]);
});

it('a worker has it done at its start and on a schedule of its own, paused or not', async () => {
  await startCopy();
  await stopWorker();
  await loseCopy();
  await expect(leaks('no', 'elsewhere')).rejects.toMatchObject({ code: 'UnknownHost' });
  await startWorker();
  await until('it is released by itself', async () => !(await targets()).includes('drayage'));
  const schedule = client.schedule.getHandle('leaks/mover');
  expect((await schedule.describe()).spec.intervals).toMatchObject([{ every: 3600_000 }]);

  await schedule.pause('the test says so');
  const taken = async (): Promise<number> => (await schedule.describe()).info.numActionsTaken;
  const before = { taken: await taken(), looks: await looks() };
  expect(before.looks.scheduled).not.toEqual([]);
  await stopWorker();
  await startWorker();
  await leaks();
  await until('that is listed', async () => {
    return (await looks()).all.length > before.looks.all.length;
  });
  expect((await schedule.describe()).state).toMatchObject({ paused: true });
  expect(await taken()).toBe(before.taken);
  expect((await looks()).scheduled).toEqual(before.looks.scheduled);
});

it('a lost host that the configuration still names is looked for, and told as not seen', async () => {
  const lost = join(directory, 'lost.yaml');
  const backends = { far: { type: 'file', root: join(directory, 'far'), host: 'lost' } };
  const settings = { host: 'desk', temporal: { address: server.address }, backends };
  await writeFile(lost, JSON.stringify(settings));
  const args = ['leaks', '--host', 'lost', '--json'];
  const { status, stdout } = await dray(args, { DRAY_CONFIG: lost });
  expect(status).toBe(8);
  const { unseen } = JSON.parse(stdout) as Leaks;
  expect(unseen.map(({ place }) => place).sort()).toEqual(['backend/far', 'host/lost']);
});
