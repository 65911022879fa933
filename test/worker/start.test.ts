import { execa } from 'execa';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findProcesses } from '../../system/processes.ts';
import { freePort, randomControlPort } from '../rig/tgtd.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';

let directory: string;
let temporal: TestTemporal;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-start-'));
  temporal = await startTemporal();
});
afterAll(async () => {
  await temporal.stop();
  await rm(directory, { recursive: true, force: true });
});

const OPTIONS = { reject: false, timeout: 30_000, killSignal: 'SIGKILL' } as const;

/** The command of a worker with these settings. */
async function workerArgv(settings: object): Promise<[program: string, ...argv: string[]]> {
  const file = join(directory, 'config.yaml');
  const stateDir = join(directory, 'state');
  await writeFile(file, JSON.stringify({ host: 'mover', stateDir, ...settings }));
  const program = join(import.meta.dirname, '../../worker.ts');
  return [process.execPath, '--import', import.meta.resolve('tsx'), program, '--config', file];
}

/** What a worker says that cannot start, and what it ends with. */
async function startWorker(namespace: string, backends: object) {
  const { address } = temporal;
  const [program, ...argv] = await workerArgv({ temporal: { address, namespace }, backends });
  return execa(program, argv, OPTIONS);
}

it('a worker whose second backend cannot be opened says why, closes the first and ends', async () => {
  const root = join(directory, 'san');
  const [portal, controlPort] = [`127.0.0.1:${await freePort()}`, randomControlPort()];
  const occupied = join(directory, 'occupied');
  await writeFile(occupied, 'no directory');
  const { exitCode, stderr } = await startWorker('default', {
    san: { type: 'tgt', root, portal, controlPort, managed: true },
    disks: { type: 'file', root: occupied },
  });
  expect(exitCode).toBe(1);
  expect(stderr).toContain('StateUnwritable');
  expect(stderr).toContain('started tgtd');
  expect(await findProcesses('tgtd', `portal=${portal}`)).toEqual([]);
  expect(existsSync(join(root, 'tgtd', 'process.json'))).toBe(false);
});

it('a worker whose namespace is not there says so and ends', async () => {
  const disks = { type: 'file', root: join(directory, 'disks') };
  const { exitCode, stderr } = await startWorker('nowhere', { disks });
  expect(exitCode).toBe(1);
  expect(stderr).toContain('nowhere');
});

it('a worker without its server says why in plain words, on a terminal to people', async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const words = `Temporal does not answer at ${address}: nothing listens there`;
  const [program, ...argv] = await workerArgv({ temporal: { address } });
  const piped = await execa(program, argv, OPTIONS);
  expect(piped.exitCode).toBe(5);
  expect(JSON.parse(piped.stderr)).toMatchObject({ msg: words, code: 'TemporalUnreachable' });

  const terminal = ['-qec', [program, ...argv].join(' '), '/dev/null'];
  const { exitCode, stdout } = await execa('script', terminal, { ...OPTIONS, stdin: 'ignore' });
  expect(exitCode).toBe(5);
  expect(stdout).toMatch(/ERROR.*: .*Temporal does not answer/);
  expect(stdout).toContain(words);
});

it('a worker whose metrics have no port, or whose hook has no secret, ends before it does anything', async () => {
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const listen = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
  const state = join(directory, 'untouched');
  const secretFile = join(directory, 'no-secret');
  for (const [settings, code, words] of [
    [{ metrics: { listen } }, 'MetricsUnavailable', `metrics cannot be served at ${listen}`],
    [{ hooks: { p: { url: 'http://h/', secretFile } } }, 'HookSecretUnusable', secretFile],
  ] as const) {
    const { address } = temporal;
    const [program, ...argv] = await workerArgv({
      ...{ temporal: { address }, stateDir: state },
      ...settings,
    });
    const { exitCode, stderr } = await execa(program, argv, OPTIONS);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ code, msg: expect.stringContaining(words) });
  }
  expect(existsSync(state)).toBe(false);
  taken.close();
});
