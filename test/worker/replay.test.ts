import { Client, Connection } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CopyInput } from '../../contract/copy.ts';
import { DEFAULT_LIMITS } from '../../contract/limits.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import type { Replayed } from '../../contract/replay.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { prepareServer } from '../../client/server/prepare-server.ts';
import { dray } from '../rig/dray.ts';
import { until } from '../rig/poll.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';

let [directory, env] = ['', {} as Record<string, string>];
let server: TestTemporal;
let [client, native] = [] as unknown as [Client, NativeConnection];

/** Has these workflows begun by the workflows of a file, which then has no worker any more. */
async function begin(file: string, runs: [type: string, id: string, args: unknown[]][]) {
  const workflowsPath = join(import.meta.dirname, file);
  const logger = new DefaultLogger('ERROR');
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });
  const taskQueue = WORKFLOW_QUEUE;
  const worker = await Worker.create({ connection: native, workflowBundle, taskQueue });
  await worker.runUntil(async () => {
    for (const [type, workflowId, args] of runs) {
      const handle = await client.workflow.start(type, { workflowId, taskQueue, args });
      await until('its first step is scheduled', async () => {
        const { historyLength } = await handle.describe();
        return historyLength > 4;
      });
    }
  });
}

/** The list that it goes by learns of a start a moment later. */
async function replayed(runs: number): Promise<Replayed & { status: number | undefined }> {
  return until('all runs are listed', async () => {
    const { status, stdout, stderr } = await dray(['replay', '--json'], env);
    expect(stderr).toBe('');
    const found = JSON.parse(stdout) as Replayed;
    return found.goOn + found.broken.length === runs && { ...found, status };
  });
}

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  directory = await mkdtemp(join(tmpdir(), 'dray-replay-'));
  server = await startTemporal();
  const { address, namespace } = server;
  await prepareServer(address, namespace);
  await writeFile(join(directory, 'config.yaml'), JSON.stringify({ temporal: { address } }));
  env = { DRAY_CONFIG: join(directory, 'config.yaml') };
  client = new Client({ connection: await Connection.connect({ address }), namespace });
  native = await NativeConnection.connect({ address });
});

afterAll(async () => {
  await client.connection.close();
  await native.close();
  await server.stop();
  await rm(directory, { recursive: true });
});

it('open runs of this release go on, and those that would stand still are named', async () => {
  const input: CopyInput = {
    source: { backend: 'disks', id: 'a' },
    destination: { backend: 'disks', id: 'b' },
    ...{ host: 'mover', options: {}, limits: DEFAULT_LIMITS },
  };
  await begin('../../workflows/index.ts', [[WORKFLOWS.copyVolume, 'copy/disks:a', [input]]]);
  expect(await replayed(1)).toEqual({ goOn: 1, broken: [], status: 0 });

  await begin('another-release.ts', [
    [WORKFLOWS.copyVolume, 'copy/disks:c', [input]],
    ['retired', 'retired/disks:d', []],
  ]);
  const { goOn, broken, status } = await replayed(3);
  expect({ goOn, status }).toEqual({ goOn: 1, status: 1 });
  expect(broken.toSorted((a, b) => a.workflowId.localeCompare(b.workflowId))).toMatchObject([
    { workflowId: 'copy/disks:c', because: expect.stringMatching(/nondeterminism/i) },
    { workflowId: 'retired/disks:d', because: expect.stringContaining('retired') },
  ]);
  const { stdout } = await dray(['replay'], env);
  expect(stdout).toMatch(/^copy\/disks:c\n {2}/m);
  expect(stdout).toContain(
    'go on under this release: 1\nopen runs that would stand still under it: 2',
  );
});

it('a server that is away is not taken for one without open runs', async () => {
  const away = { TEMPORAL_ADDRESS: '127.0.0.1:1', DRAY_CONFIG: join(directory, 'away.yaml') };
  await writeFile(away.DRAY_CONFIG, '');
  const { status, stdout } = await dray(['replay', '--json'], away);
  expect(status).toBe(5);
  expect(stdout).toContain('TemporalUnreachable');
});
