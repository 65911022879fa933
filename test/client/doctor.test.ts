import { Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { execa } from 'execa';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { locateTemporal } from '../../client/server/locate-temporal.ts';
import { knownPlaces } from '../../client/temporal/doctor/known.ts';
import { hasWorker, servedHost } from '../../client/temporal/doctor/served.ts';
import type { Finding, Place } from '../../contract/examination.ts';
import { hostQueue } from '../../contract/queues.ts';
import { createKey, keysDirectory } from '../../system/config/keys.ts';
import { loadConfig } from '../../system/config/load.ts';
import { dray, spawnDray } from '../rig/dray.ts';
import { until } from '../rig/poll.ts';
import { freePort } from '../rig/ports.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';
import { randomControlPort, startTgtd, type Tgtd } from '../rig/tgtd.ts';

const NAMESPACE = 'doctor';
let [directory, portal, temporal] = ['', '', ''];
const controlPort = randomControlPort();
let server: TestTemporal;
let worker: ReturnType<typeof spawnDray> | undefined;
let tgtd: Tgtd | undefined;

const at = (...names: string[]): string => join(directory, ...names);
const stateDir = (): string => at('state');

/** Writes the settings; `nas` belongs to a host without a worker. */
async function configure(backends: object): Promise<Record<string, string>> {
  const settings = {
    ...{ host: 'mover', stateDir: stateDir(), backends },
    temporal: { address: server.address, namespace: NAMESPACE },
  };
  // JSON is YAML.
  await writeFile(at('config.yaml'), JSON.stringify(settings));
  return { DRAY_CONFIG: at('config.yaml') };
}

const ofMover = () => ({
  disks: { type: 'file', root: at('disks') },
  san: { type: 'tgt', root: at('san'), portal, controlPort },
});

async function endWorker(): Promise<void> {
  worker?.kill('SIGTERM');
  await worker;
  worker = undefined;
}

/** Returns when it polls its queues. */
async function startWorker(env: Record<string, string>, wrapper: string[] = []): Promise<void> {
  const started = spawnDray(['worker'], env, {}, wrapper);
  worker = started;
  let log = '';
  started.stderr?.on('data', (text: Buffer) => (log += text.toString()));
  await until('the worker is ready', () => {
    if (started.exitCode !== null) throw new Error(log);
    return log.includes('worker ready');
  });
}

type Answer = { places: Place[]; counts: Record<string, number> };

async function doctor(env: Record<string, string>, ...args: string[]) {
  const { status, stdout, stderr } = await dray(['doctor', '--json', ...args], env);
  expect(stderr).toBe('');
  return { status, ...(JSON.parse(stdout) as Answer) };
}

const findingsOf = ({ places }: Answer, state: Finding['state']): (Finding & { place: string })[] =>
  places.flatMap(({ place, findings }) =>
    findings.filter((f) => f.state === state).map((finding) => ({ place, ...finding })),
  );

/** All programs of PATH but some. */
async function pathWithout(...programs: string[]): Promise<string> {
  const bin = at('bin');
  await mkdir(bin);
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (programs.includes(name)) continue;
      await symlink(join(folder, name), join(bin, name)).catch(() => undefined);
    }
  }
  return bin;
}

/** A clock an hour ahead, as a process sees it. */
async function clockAhead(): Promise<string> {
  const text = 'const { now } = Date; Date.now = () => now.call(Date) + 3_600_000;\n';
  await writeFile(at('clock.mjs'), text);
  return `--import=${at('clock.mjs')}`;
}

/** A mount namespace in which /dev/fuse cannot be opened, also not by root. */
const WITHOUT_FUSE = [
  ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
  'mount --bind /dev/fuse /dev/fuse && mount -o remount,bind,nodev /dev/fuse && exec "$@"',
  'sh',
];

/** Name, mode, size and time of change of all that the doctor looks at. */
async function snapshot(): Promise<string[]> {
  const roots = ['state', 'disks', 'san'];
  const names = await Promise.all(
    roots.map(async (root) => {
      const below = await readdir(at(root), { recursive: true });
      return [root, ...below.map((name) => join(root, name))];
    }),
  );
  const lines = names.flat().map(async (name) => {
    const { mode, size, mtimeMs } = await stat(at(name));
    return `${name} ${mode} ${size} ${mtimeMs}`;
  });
  return (await Promise.all(lines)).sort();
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-doctor-'));
  portal = `127.0.0.1:${await freePort()}`;
  server = await startTemporal();
  temporal = await locateTemporal();
  await createKey(keysDirectory({ stateDir: stateDir() }));
});

afterAll(async () => {
  await endWorker();
  await tgtd?.stop();
  await server.stop();
  await rm(directory, { recursive: true });
});

it('a server that is away is exit 5, and this machine is looked at all the same', async () => {
  const env = { ...(await configure({})), DRAY_STATE_DIR: stateDir() };
  await writeFile(at('away.yaml'), JSON.stringify({ temporal: { address: '127.0.0.1:1' } }));
  const { status, ...answer } = await doctor({ ...env, DRAY_CONFIG: at('away.yaml') });
  expect(status).toBe(5);
  expect(findingsOf(answer, 'wrong')).toMatchObject([
    { place: 'temporal', check: 'temporal.answer', mend: expect.stringContaining('dray server') },
  ]);
  expect(findingsOf(answer, 'ok').map(({ check }) => check)).toEqual(['host.state', 'host.keys']);
});

it('a namespace that is not there is named with the command that makes it', async () => {
  const { status, ...answer } = await doctor(await configure({}));
  expect(status).toBe(1);
  const [finding, ...others] = findingsOf(answer, 'wrong');
  expect(others).toEqual([]);
  expect(finding?.sentence).toBe(`namespace ${NAMESPACE} does not exist`);
  expect(finding?.mend).toContain(`temporal operator namespace create --retention 30d`);
});

it('a host that asks for no copies, since all its slots are taken, has a worker', async () => {
  const connection = await Connection.connect({ address: server.address });
  const taskQueue = { name: hostQueue('busy') };
  const poll = { namespace: 'default', taskQueue, identity: 'busy#1' };
  const end = new AbortController();
  // The server takes no poll without a deadline.
  const asks = connection
    .withAbortSignal(end.signal, () =>
      connection.withDeadline(Date.now() + 60_000, () =>
        connection.workflowService.pollActivityTaskQueue(poll),
      ),
    )
    .catch(() => undefined);
  const client = new Client({ connection });
  await until('the worker has asked for steps', async () =>
    hasWorker(await servedHost(client, { host: 'busy', connects: [], seals: false })),
  );
  end.abort();
  await asks;
  await connection.close();
});

it('open copies that cannot be listed hide no place of the settings', async () => {
  const { DRAY_CONFIG } = await configure({ nas: { type: 'file', root: '/nas', host: 'filer' } });
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection, namespace: 'not-there' });
  const { hosts, backends, findings } = await knownPlaces(
    client,
    loadConfig(DRAY_CONFIG),
    undefined,
  );
  await connection.close();
  expect(hosts.map(({ host }) => host)).toEqual(['filer', 'mover']);
  expect(backends).toEqual(['nas']);
  expect(findings).toMatchObject([
    { check: 'temporal.copies', state: 'unknown', sentence: expect.stringContaining('not-there') },
  ]);
});

it('names each of twelve planted faults, changes nothing, and what it says mends them', async () => {
  const connection = await Connection.connect({ address: server.address });
  await connection.workflowService.registerNamespace({
    namespace: NAMESPACE,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  await connection.close();
  const nas = { type: 'file', root: at('nas'), host: 'filer' };
  const env = await configure({ ...ofMover(), nas });
  const faulty = { PATH: await pathWithout('dd', 'iscsi-inq'), NODE_OPTIONS: await clockAhead() };
  await until('the namespace is known', async () => {
    await startWorker({ ...env, ...faulty }, WITHOUT_FUSE).catch(() => undefined);
    return worker?.exitCode === null;
  });
  const [keyFile = ''] = (await readdir(at('state', 'keys'))).filter((n) => n.endsWith('.key'));
  await chmod(at('state', 'keys', keyFile), 0o644);
  await chmod(at('state', 'claims'), 0o777);
  const uuid = await readFile(at('disks', 'uuid'), 'utf8');
  await writeFile(at('disks', 'uuid'), 'of-another-root\n');

  const before = await snapshot();
  const { status, ...answer } = await doctor(env);
  expect(await snapshot()).toEqual(before);
  expect(status).toBe(1);
  const wrong = findingsOf(answer, 'wrong');
  const expected: [place: string, check: string, words: RegExp, mend: RegExp][] = [
    [
      'temporal',
      'temporal.search-attributes',
      /DrayPhase.*DrayNeedsDecision/,
      /^temporal operator/,
    ],
    [
      'host filer',
      'host.worker',
      /no worker answers on queue host\/filer; start one on host filer/,
      /^dray worker --role mover$/,
    ],
    [
      'backend nas',
      'backend.worker',
      /queue backend\/nas; .* on host filer/,
      /^dray worker --role control$/,
    ],
    ['host mover', 'host.clock', /at least 3[56]\d\d\.\d s ahead of Temporal's/, /timedatectl/],
    ['host mover', 'host.tools', /program dd is not installed/, /apt-get install coreutils/],
    ['host mover', 'host.iscsi', /iscsi-inq is not installed/, /apt-get install libiscsi-bin/],
    ['host mover', 'host.iscsi', /\/dev\/fuse cannot be opened/, /^modprobe fuse$/],
    ['host mover', 'host.state', /claims can be changed by others \(mode 777\)/, /^chmod go-w/],
    ['host mover', 'host.keys', /key is open to others \(mode 644\)/, /^chmod 600/],
    ['backend disks', 'backend.storage', /belongs to another storage root/, /Mount the right/],
    ['backend san', 'backend.storage', /backend san does not answer/, /Start the storage service/],
  ];
  for (const [place, check, words, mend] of expected) {
    const named = wrong.filter((f) => f.place === place && f.check === check);
    const found = named.find(({ sentence }) => words.test(sentence));
    expect(found?.mend, `${place}: ${words} in ${JSON.stringify(named)}`).toMatch(mend);
  }
  expect(wrong).toHaveLength(expected.length);
  const [retention, ...others] = findingsOf(answer, 'warning');
  expect(others).toEqual([]);
  expect(retention).toMatchObject({
    check: 'temporal.retention',
    sentence: expect.stringContaining('kept for 1 day'),
  });
  expect(findingsOf(answer, 'unknown')).toEqual([]);

  const commands = [...wrong, retention].map((finding) => finding?.mend ?? '');
  const PATH = `${dirname(temporal)}:${process.env['PATH']}`;
  for (const command of commands.filter((text) => /^(temporal|chmod) /.test(text))) {
    await execa('sh', ['-c', command], { env: { PATH } });
  }
  await writeFile(at('disks', 'uuid'), uuid);
  await endWorker();
  tgtd = await startTgtd({ portal, controlPort });
  const sound = await configure(ofMover());
  await startWorker(sound);
  const mended = await doctor(sound);
  expect(findingsOf(mended, 'wrong')).toEqual([]);
  expect(mended).toMatchObject({ status: 0, counts: { warning: 0, unknown: 0 } });

  const text = (await dray(['doctor', '--host', 'mover', 'nowhere'], sound)).stdout;
  expect(text).toMatch(/^temporal\n {2}✓ Temporal .* answers at/);
  expect(text).toContain(
    '✗ no worker answers on queue host/nowhere; start one on host nowhere\n      dray worker --role mover\n',
  );
  expect(text).toMatch(/\n1 wrong, 0 warnings, \d+ well/);
});
