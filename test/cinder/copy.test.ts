import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createKey, keysDirectory } from '../../system/config/keys.ts';
import { Cinder } from '../rig/cinder/cinder.ts';
import { Proxy } from '../rig/cinder/proxy.ts';
import type { Pool } from '../rig/cinder/settings.ts';
import { dray, type DrayRun, spawnDray } from '../rig/dray.ts';
import { until } from '../rig/poll.ts';
import { startTemporal } from '../rig/temporal.ts';

const MIB = 2 ** 20;
const cinder = new Cinder(inject('cinder'));
const proxy = new Proxy(cinder.endpoint);

let [directory, env] = ['', {} as Record<string, string>];
let [source, destination] = ['', ''];
const undo: (() => Promise<unknown>)[] = [];

async function startWorker(): Promise<void> {
  const worker = spawnDray(['worker'], env);
  undo.unshift(async () => {
    worker.kill('SIGTERM');
    await worker;
  });
  let log = '';
  worker.stderr!.on('data', (text: Buffer) => (log += text.toString()));
  await until('the worker is ready', () => log.includes('worker ready'));
}

async function makeVolume(pool: Pool): Promise<string> {
  const id = await cinder.createVolume(pool);
  undo.unshift(() => cinder.deleteVolume(id));
  return id;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-cinder-copy-'));
  undo.unshift(() => rm(directory, { recursive: true }));
  const temporal = await startTemporal();
  undo.unshift(() => temporal.stop());
  const stateDir = join(directory, 'state');
  await createKey(keysDirectory({ stateDir }));
  await proxy.start();
  undo.unshift(() => proxy.stop());
  const { endpoint } = proxy;
  const { project } = cinder;
  const settings = {
    host: 'mover',
    stateDir,
    temporal: { address: temporal.address },
    backends: { cinder: { type: 'cinder', noauth: { endpoint, project } } },
  };
  // JSON is YAML.
  await writeFile(join(directory, 'config.yaml'), JSON.stringify(settings));
  env = { DRAY_CONFIG: join(directory, 'config.yaml') };
  await startWorker();
  source = await makeVolume('pool1');
  destination = await makeVolume('pool2');
});

afterAll(async () => {
  for (const act of undo) await act();
});

/** Old data all over the destination, new data with a hole at the source. */
async function plant(): Promise<void> {
  const from = await open(cinder.fileOf('pool1', source), 'r+');
  const to = await open(cinder.fileOf('pool2', destination), 'r+');
  for (let mib = 0; mib < 1024; mib += 64) {
    await to.write(randomBytes(MIB), 0, MIB, mib * MIB);
    if (mib % 128 === 0) await from.write(randomBytes(4 * MIB), 0, 4 * MIB, mib * MIB);
  }
  await from.close();
  await to.close();
}

/** Whether the two files hold the same bytes. */
async function areEqual(a: string, b: string): Promise<boolean> {
  const [one, other] = [await open(a), await open(b)];
  const buffers = [Buffer.alloc(16 * MIB), Buffer.alloc(16 * MIB)] as const;
  try {
    for (let at = 0; ; at += 16 * MIB) {
      const left = await one.read(buffers[0], 0, 16 * MIB, at);
      const right = await other.read(buffers[1], 0, 16 * MIB, at);
      if (left.bytesRead !== right.bytesRead || !buffers[0].equals(buffers[1])) return false;
      if (left.bytesRead === 0) return true;
    }
  } finally {
    await one.close();
    await other.close();
  }
}

const copy = (...options: string[]): Promise<DrayRun> =>
  dray(['copy', `cinder:${source}`, `cinder:${destination}`, '--json', ...options], env);

/** What a copy has at Cinder, at tgtd and on the host. */
async function leftovers(): Promise<string[]> {
  const [attachments, targets] = [await cinder.attachments(), await cinder.targets()];
  const records = ['claims', 'attachments', 'copiers', 'cinder/cinder'].map((name) =>
    readdir(join(directory, 'state', name)),
  );
  return [
    ...attachments.map(({ id }) => `attachment ${id}`),
    ...targets,
    ...(await Promise.all(records)).flat(),
  ];
}

async function expectEqual(): Promise<void> {
  const files = [cinder.fileOf('pool1', source), cinder.fileOf('pool2', destination)] as const;
  expect(await areEqual(...files)).toBe(true);
}

async function expectAsBefore(): Promise<void> {
  expect(await leftovers()).toEqual([]);
  for (const id of [source, destination]) {
    expect(await cinder.volume(id)).toMatchObject({ status: 'available', attachments: [] });
  }
}

it('copies from one pool to another and leaves nothing', async () => {
  await plant();
  const { status, stderr } = await copy();
  expect(status, stderr).toBe(0);
  await expectEqual();
  await expectAsBefore();
});

it('attaches anew what somebody else has detached before it was complete', async () => {
  await plant();
  const deleted: string[] = [];
  proxy.next('POST', /\/action$/, {
    first: async () => {
      const [row] = await cinder.attachments(destination);
      deleted.push(row!.id);
      await cinder.call('DELETE', `/attachments/${row!.id}`);
    },
  });
  const { status, stderr } = await copy();
  expect(status, stderr).toBe(0);
  expect(deleted).toHaveLength(1);
  await expectEqual();
  await expectAsBefore();
});

it('gives everything back when it is cancelled', async () => {
  const { status, stderr } = await copy('--limit', '20MiB/s', '--detach');
  expect(status, stderr).toBe(0);
  await until('both are attached', async () => {
    const states = [await cinder.volume(source), await cinder.volume(destination)];
    return states.every((volume) => volume.status === 'in-use');
  });
  expect((await dray(['cancel', `copy/cinder:${source}`], env)).status).toBe(0);
  await until('all is given back', async () => (await leftovers()).length === 0);
  await expectAsBefore();
});
