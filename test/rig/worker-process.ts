import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { MARK } from './marked.ts';
import { until } from './poll.ts';

const STEP_GATE = fileURLToPath(new URL('./step-gate.js', import.meta.url));

export type WorkerSettings = {
  /** Compiled worker.js. */
  program: string;
  configFile: string;
  log: string;
  /** Directory of step-gate.js. */
  gates: string;
  mark: string;
  env?: Record<string, string>;
  /** Words before `node`, for example to give the worker a mount namespace of its own. */
  wrapper?: string[];
};

/** A worker as people run it, in a process of its own that dies with the test. */
export class WorkerProcess {
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(readonly settings: WorkerSettings) {}

  get pid(): number {
    return this.#child!.pid!;
  }

  get exitCode(): number | null {
    return this.#child!.exitCode;
  }

  get isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** Returns when it polls its queues. */
  async start(): Promise<void> {
    const from = await this.#logBytes();
    this.spawn();
    await until('the worker is ready', async () => {
      if (!this.isRunning) throw new Error(`worker ended: ${await this.logFrom(from)}`);
      return (await this.logFrom(from)).includes('"worker ready"');
    });
  }

  spawn(): void {
    const { program, configFile, log, gates, mark, env = {}, wrapper = [] } = this.settings;
    const node = [process.execPath, '--import', STEP_GATE, program, '--config', configFile];
    const fd = openSync(log, 'a');
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...wrapper, ...node], {
      stdio: ['ignore', fd, fd],
      env: { ...process.env, NODE_ENV: 'production', DRAY_STEP_GATES: gates, [MARK]: mark, ...env },
    });
    closeSync(fd);
    this.#ended = once(this.#child, 'exit');
  }

  async ended(seconds = 60): Promise<void> {
    await until('the worker has ended', () => !this.isRunning, { seconds });
  }

  async kill(): Promise<void> {
    this.#child!.kill('SIGKILL');
    await this.#ended;
  }

  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    this.#child!.kill(name);
  }

  /** SIGTERM; answers what it ended with: exit status 0, or the signal that ended it. */
  async stop(): Promise<number | string | null> {
    this.signal('SIGTERM');
    await this.ended(90);
    return this.#child!.signalCode ?? this.exitCode;
  }

  async #logBytes(): Promise<number> {
    return (await stat(this.settings.log).catch(() => undefined))?.size ?? 0;
  }

  async logFrom(byte = 0): Promise<string> {
    return (await readFile(this.settings.log)).subarray(byte).toString();
  }
}
