import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createKey, keysDirectory } from '../../system/config/keys.ts';
import { dray, spawnDray } from '../rig/dray.ts';
import { until } from '../rig/poll.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';

const MIB = 2 ** 20;
const BYTES = 32 * MIB;

let [directory, env] = ['', {} as Record<string, string>];
let server: TestTemporal;
let worker: ReturnType<typeof spawnDray>;

/** Returns when it polls its queues. */
async function startWorker(): Promise<void> {
  worker = spawnDray(['worker'], env);
  let log = '';
  worker.stderr!.on('data', (text: Buffer) => (log += text.toString()));
  await until('the worker is ready', () => log.includes('worker ready'));
}

/** What `dray … --json` prints. @throws what it says when it fails */
async function json<T>(...args: string[]): Promise<T> {
  const { status, stdout, stderr } = await dray([...args, '--json'], env);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as T;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-control-'));
  server = await startTemporal();
  const stateDir = join(directory, 'state');
  await createKey(keysDirectory({ stateDir }));
  const config = join(directory, 'config.yaml');
  const disks = { type: 'file', root: join(directory, 'disks') };
  const settings = {
    host: 'mover',
    stateDir,
    temporal: { address: server.address },
    backends: { disks },
    limits: { heartbeatSeconds: 3 },
  };
  // JSON is YAML.
  await writeFile(config, JSON.stringify(settings));
  env = { DRAY_CONFIG: config };
  await startWorker();
});

afterEach(async () => {
  worker.kill('SIGTERM');
  await worker;
  await server.stop();
  await rm(directory, { recursive: true });
});

type Shown = {
  phase: string;
  status?: { paused?: { bytesFlushed: number }; control: { version: number } };
  steps: { beat?: { progress: { bytesFlushed?: number } } }[];
};

it('a copy is throttled, paused over the death of its worker, and goes on where it was', async () => {
  for (const id of ['disks:a', 'disks:b']) await json('volume', 'create', id, '32MiB');
  const [from, to] = ['a', 'b'].map((id) => join(directory, 'disks', 'volumes', `${id}.raw`));
  await writeFile(from!, randomBytes(BYTES));
  await json('copy', 'disks:a', 'disks:b', '--engine', 'direct', '--limit', '2MiB', '--detach');
  const shown = (): Promise<Shown> => json<Shown>('show', 'disks:a');
  await until('some bytes are flushed', async () => {
    const { steps } = await shown();
    return steps.some(({ beat }) => (beat?.progress.bytesFlushed ?? 0) > 0);
  });

  const bad = await dray(['throttle', 'disks:a', 'slow', '--json'], env);
  expect(bad.status).toBe(2);
  expect(JSON.parse(bad.stdout)).toMatchObject({ error: { code: 'BadOption' } });
  expect(await json('throttle', 'disks:a', '1MiB/s', '--reason', 'office hours')).toMatchObject({
    control: { version: 1, limit: MIB },
    delivered: true,
  });
  expect(await json('pause', 'disks:a')).toMatchObject({ delivered: true });
  const { status } = await until('it is paused', async () => {
    const found = await shown();
    return found.phase === 'paused' && found.status?.paused ? found : undefined;
  });
  const { bytesFlushed } = status!.paused!;
  expect(bytesFlushed).toBeGreaterThan(0);
  expect(bytesFlushed).toBeLessThan(BYTES);
  const text = (await dray(['show', 'disks:a'], env)).stdout;
  expect(text).toMatch(/paused since .* of 32 MiB; go on with: dray resume/);
  expect(text).toMatch(/changed .*: not paused, limit 1 MiB\/s: office hours/);

  worker.kill('SIGKILL');
  await worker;
  await startWorker();
  const watching = dray(['watch', 'disks:a', '--json'], env);
  await json('throttle', 'disks:a', 'off');
  await json('resume', 'disks:a');
  const { status: exitCode, stdout, stderr } = await watching;
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toMatch(/paused \d+% .* of 32 MiB/);
  expect(JSON.parse(stdout)).toMatchObject({
    copied: { bytes: BYTES, attempts: 1, bytesCopiedAgain: 0 },
    verified: { mode: 'full' },
  });
  expect((await readFile(to!)).equals(await readFile(from!))).toBe(true);

  const late = await dray(['pause', 'disks:a', '--json'], env);
  expect(late.status).toBe(2);
  expect(JSON.parse(late.stdout)).toMatchObject({ error: { code: 'ControlRefused' } });
});
