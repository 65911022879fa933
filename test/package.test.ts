import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isServed } from '../client/temporal/pollers.ts';
import { startTemporal } from './rig/temporal.ts';

const ROOT = join(import.meta.dirname, '..');
const MINUTES = 60_000;

let directory: string;
let installed: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-package-'));
  await execa('npm', ['pack', '--pack-destination', directory], { cwd: ROOT });
  const [tarball] = (await readdir(directory)).filter((name) => name.endsWith('.tgz'));
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--prefix', directory];
  await execa('npm', ['install', ...quiet, join(directory, tarball!)], { cwd: directory });
  installed = join(directory, 'node_modules/.bin/dray');
}, 5 * MINUTES);

afterAll(() => rm(directory, { recursive: true, force: true }));

const env = (): Record<string, string> => ({
  DRAY_STATE_DIR: join(directory, 'state'),
  XDG_CONFIG_HOME: join(directory, 'none'),
});

it('prints its help and its settings', async () => {
  const help = await execa(installed, ['--help'], { cwd: '/', env: env() });
  expect(help.stdout).toContain('copy [options] <source> <destination>');
  const config = await execa(installed, ['config', '--json'], { cwd: '/', env: env() });
  expect(JSON.parse(config.stdout).stateDir).toBe(join(directory, 'state'));
});

it('runs a worker that serves its host and ends on SIGTERM', { timeout: 2 * MINUTES }, async () => {
  const temporal = await startTemporal();
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  const worker = execa(installed, ['worker'], {
    reject: false,
    cwd: '/',
    env: { ...env(), TEMPORAL_ADDRESS: temporal.address },
  });
  const end = worker.then((result) => result);
  try {
    while (worker.exitCode === null && !(await isServed(client, 'dray', 'workflow')))
      await sleep(200);
    const where = { ...env(), TEMPORAL_ADDRESS: temporal.address };
    const replay = await execa(installed, ['replay', '--json'], { cwd: '/', env: where });
    expect(JSON.parse(replay.stdout)).toMatchObject({ broken: [] });
    worker.kill('SIGTERM');
    const { exitCode, stderr } = await end;
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  } finally {
    worker.kill('SIGTERM');
    await end;
    await connection.close();
    await temporal.stop();
  }
});
