import { execa } from 'execa';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrayError } from '../../contract/errors.ts';
import { prepareServer } from './prepare-server.ts';

export type DevServerOptions = {
  /** The temporal program. */
  binary: string;
  /** Port of 127.0.0.1 that clients and workers connect to. */
  port: number;
  /** Port of the Web UI; without it there is none. */
  uiPort?: number;
  /** The SQLite file with everything that a restart has to find again. */
  dbFile: string;
  namespace: string;
  /** `name=value`, for SQLite. */
  pragmas?: string[];
};

export type DevServer = {
  address: string;
  pid: number;
  /** Resolves when the process has ended, however that came about. */
  ended: Promise<void>;
  /** Ends it with everything written, in seconds. */
  stop: () => Promise<void>;
  /** SIGKILL. */
  kill: () => Promise<void>;
};

type Running = {
  child: { pid?: number; kill: (signal: 'SIGTERM' | 'SIGKILL') => boolean };
  ended: Promise<void>;
  hasEnded: boolean;
};

/** Patience with a first start with a slow disk. Unit: seconds. */
const START_SECONDS = 60;

/**
 * How often a second the server may look for new tasks of its one history shard. Its default of 20
 * is meant for hundreds of shards: here it makes every step of a workflow wait for 40 ms twice.
 */
const QUEUE_RATE = ['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'];

function argumentsOf(options: DevServerOptions): string[] {
  const { port, uiPort, dbFile, namespace, pragmas = [] } = options;
  const ui = uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)];
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port)],
    ...ui,
    ...['--ui-disable-news-fetch', '--db-filename', dbFile, '--namespace', namespace],
    ...['--log-level', 'error', ...QUEUE_RATE],
    ...pragmas.flatMap((pragma) => ['--sqlite-pragma', pragma]),
  ];
}

const logOf = (options: DevServerOptions): string => join(dirname(options.dbFile), 'temporal.log');

function spawnServer(options: DevServerOptions): Running {
  // The server must not outlive a killed `dray server`: it would keep port and database.
  const command = ['--pdeathsig', 'KILL', options.binary, ...argumentsOf(options)];
  const child = execa('setpriv', command, {
    reject: false,
    buffer: false,
    // Ending it in order is this file's business; --pdeathsig is for all else.
    cleanup: false,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: { file: logOf(options) },
  });
  const running = { child, hasEnded: false, ended: Promise.resolve() };
  running.ended = child.then(() => void (running.hasEnded = true));
  return running;
}

async function end({ child, ended }: Running, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  child.kill(signal);
  await ended;
}

/** The server's last words, else why it could not be reached. */
async function whyNot(options: DevServerOptions, error: unknown): Promise<string> {
  const lines = (await readFile(logOf(options), 'utf8')).trim().split('\n').slice(-3);
  return lines.join(' ') || (error as Error).message;
}

async function untilReady(running: Running, options: DevServerOptions): Promise<void> {
  const deadline = performance.now() + START_SECONDS * 1000;
  for (;;) {
    try {
      await prepareServer(`127.0.0.1:${options.port}`, options.namespace);
      if (!running.hasEnded) return;
      throw new Error('another server answers on that port');
    } catch (error) {
      if (!running.hasEnded && performance.now() < deadline) {
        await sleep(100);
        continue;
      }
      const status = running.hasEnded ? 'an early end' : `no answer within ${START_SECONDS} s`;
      await end(running, 'SIGKILL');
      const stderr = await whyNot(options, error);
      throw new DrayError('ToolFailed', { tool: 'temporal', status, stderr }, { cause: error });
    }
  }
}

/**
 * Starts Temporal's dev server and answers when it is ready for Drayage: healthy, search attributes
 * registered, retention set. It dies with this process.
 * @throws ToolFailed when the server ends or does not answer within 60 s
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  await mkdir(dirname(options.dbFile), { recursive: true, mode: 0o700 });
  const running = spawnServer(options);
  await untilReady(running, options);
  return {
    address: `127.0.0.1:${options.port}`,
    pid: running.child.pid ?? 0,
    ended: running.ended,
    stop: () => end(running, 'SIGTERM'),
    kill: () => end(running, 'SIGKILL'),
  };
}
