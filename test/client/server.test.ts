import { Client, Connection } from '@temporalio/client';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { searchAttributes } from '../../contract/search-attributes.ts';
import { identifyProcess, isAlive, waitForEnd } from '../../system/processes.ts';
import { dray, spawnDray } from '../rig/dray.ts';
import { freePort } from '../rig/ports.ts';

type Ready = { address: string; uiUrl: string; pid: number; ready: boolean };

let directory: string;
let env: Record<string, string>;
let running: ReturnType<typeof spawnDray> | undefined;

async function configure(): Promise<void> {
  const file = join(directory, 'config.yaml');
  const [port, uiPort] = [await freePort(), await freePort()];
  await writeFile(file, `stateDir: ${directory}\ntemporal: { port: ${port}, uiPort: ${uiPort} }\n`);
  env = { DRAY_CONFIG: file };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-server-'));
  await configure();
});

afterEach(async () => {
  running?.kill('SIGKILL');
  await running;
  running = undefined;
});

afterAll(() => rm(directory, { recursive: true, force: true }));

async function startServer(): Promise<Ready> {
  const server = spawnDray(['server', '--json'], env);
  running = server;
  return new Promise((resolve, reject) => {
    server.stdout?.on('data', (text: Buffer) => resolve(JSON.parse(String(text)) as Ready));
    void server.then(({ stderr }) => reject(new Error(String(stderr))));
  });
}

async function withClient<T>(address: string, work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

describe('dray server', () => {
  it('is ready for Drayage, with a Web UI on this machine only', async () => {
    const { address, uiUrl, ready } = await startServer();
    expect(ready).toBe(true);
    expect((await fetch(uiUrl)).status).toBe(200);
    await withClient(address, async ({ connection, workflowService }) => {
      const { customAttributes } = await connection.operatorService.listSearchAttributes({
        namespace: 'default',
      });
      for (const { name } of Object.values(searchAttributes)) {
        expect(customAttributes).toHaveProperty(name);
      }
      const { config } = await workflowService.describeNamespace({ namespace: 'default' });
      const retention = Number(config?.workflowExecutionRetentionTtl?.seconds);
      expect(retention).toBe(30 * 24 * 60 * 60);
    });
    const keys = await dray(['key', 'list', '--json'], env);
    expect(JSON.parse(keys.stdout)).toHaveLength(1);
  });

  it('a second one is told that the port is in use, and the first one goes on', async () => {
    const { pid } = await startServer();
    const first = identifyProcess(pid);
    const second = await dray(['server', '--json'], env);
    expect(second.status).toBe(1);
    expect(JSON.parse(second.stdout).error.code).toBe('PortInUse');
    expect(first !== undefined && isAlive(first)).toBe(true);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends it and its server', async (signal) => {
    const { pid } = await startServer();
    const server = identifyProcess(pid)!;
    running!.kill(signal);
    expect((await running!).exitCode).toBe(0);
    expect(isAlive(server)).toBe(false);
  });

  it('a workflow survives SIGKILL of dray server, which leaves nothing behind', async () => {
    const first = await startServer();
    const server = identifyProcess(first.pid)!;
    const { firstExecutionRunId } = await withClient(first.address, (client) =>
      client.workflow.start('sleeper', { workflowId: 'sleeper', taskQueue: 'nobody' }),
    );
    running!.kill('SIGKILL');
    await running;
    expect(await waitForEnd(server, 5)).toBe(true);

    const again = await startServer();
    const info = await withClient(again.address, (client) =>
      client.workflow.getHandle('sleeper').describe(),
    );
    expect(info.status.name).toBe('RUNNING');
    expect(info.runId).toBe(firstExecutionRunId);
  });

  it('a server that ends by itself is an error that names it', async () => {
    const { pid } = await startServer();
    process.kill(pid, 'SIGKILL');
    const { exitCode, stderr } = await running!;
    expect(exitCode).toBe(1);
    expect(stderr).toContain('temporal');
  });

  it('where an address is configured nothing is started', async () => {
    const run = await dray(['server', '--json'], { ...env, TEMPORAL_ADDRESS: '192.0.2.1:7233' });
    expect(run.status).toBe(0);
    expect(JSON.parse(run.stdout)).toEqual({ address: '192.0.2.1:7233', started: false });
  });
});

it('a port held by another program is told before anything is started', async () => {
  const other = createServer();
  const text = await readFile(env['DRAY_CONFIG']!, 'utf8');
  const uiPort = Number(/uiPort: (\d+)/.exec(text)?.[1]);
  await new Promise<void>((resolve) => other.listen(uiPort, '127.0.0.1', resolve));
  try {
    const run = await dray(['server', '--json'], env);
    expect(run.status).toBe(1);
    const { error } = JSON.parse(run.stdout);
    expect(error.code).toBe('PortInUse');
    expect(error.whatToDo).toContain('temporal.uiPort');
  } finally {
    other.close();
    await sleep(0);
  }
});
