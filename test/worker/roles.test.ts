import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createKey, keysDirectory } from '../../system/config/keys.ts';
import { dray, spawnDray } from '../rig/dray.ts';
import { until } from '../rig/poll.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';

let [directory, env] = ['', {} as Record<string, string>];
let server: TestTemporal;
const workers: { end: () => Promise<unknown> }[] = [];

const volumeFile = (id: string): string => join(directory, 'disks/volumes', `${id}.raw`);

/** Returns when it polls; `queues`: which. All share settings and state directory. */
async function startWorker(...role: string[]) {
  const worker = spawnDray(['worker', ...role], env);
  let log = '';
  worker.stderr?.on('data', (text: Buffer) => (log += text.toString()));
  workers.push({
    end: () => {
      worker.kill('SIGTERM');
      return worker;
    },
  });
  const ready = await until('the worker is ready', () => {
    if (worker.exitCode !== null) throw new Error(log);
    return log.split('\n').find((line) => line.includes('"worker ready"'));
  });
  const { queues } = JSON.parse(ready) as { queues: string[] };
  return { queues: queues.toSorted(), ended: worker };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-roles-'));
  server = await startTemporal();
  const stateDir = join(directory, 'state');
  const settings = {
    ...{ host: 'mover', stateDir, temporal: { address: server.address } },
    backends: { disks: { type: 'file', root: join(directory, 'disks') } },
  };
  await createKey(keysDirectory({ stateDir }));
  await writeFile(join(directory, 'config.yaml'), JSON.stringify(settings));
  env = { DRAY_CONFIG: join(directory, 'config.yaml') };
  await mkdir(join(directory, 'disks/volumes'), { recursive: true });
  for (const id of ['a', 'b']) await writeFile(volumeFile(id), randomBytes(2 ** 20));
});

afterAll(async () => {
  await Promise.all(workers.map(({ end }) => end()));
  await server.stop();
  await rm(directory, { recursive: true });
});

it('each role serves its queues, and both share a host until one takes over', async () => {
  const control = await startWorker('--role', 'control');
  expect(control.queues).toEqual(['backend/disks', 'dray']);
  // A host that only drives backends is in order, and says what is missing for copies.
  const alone = await dray(['doctor'], env);
  expect(alone.status, alone.stdout).toBe(0);
  expect(alone.stdout).toMatch(
    /! no worker answers on queue host\/mover; .* are to run there\n +dray worker --role mover\n/,
  );
  expect((await dray(['doctor', '--host', 'mover'], env)).status).toBe(1);
  expect(await dray(['leaks'], env)).toMatchObject({ status: 0 });

  const mover = await startWorker('--role', 'mover');
  expect(mover.queues).toEqual(['host/mover', 'host/mover/copy']);
  const copy = await dray(['copy', 'disks:a', 'disks:b'], env);
  expect(copy.status, copy.stderr).toBe(0);
  expect((await readFile(volumeFile('b'))).equals(await readFile(volumeFile('a')))).toBe(true);
  const sound = await dray(['doctor', '--host', 'mover', '--json'], env);
  expect(sound.stdout).not.toContain('no worker answers');

  const both = await startWorker();
  expect(both.queues).toEqual([...control.queues, ...mover.queues]);
  for (const { ended } of [control, mover]) expect((await ended).exitCode).toBe(9);
});

it('a role that is none is refused', async () => {
  const { status, stderr } = await dray(['worker', '--role', 'storage'], env);
  expect(status).toBe(2);
  expect(stderr).toMatch(/mover, control/);
});
