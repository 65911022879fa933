import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { DrayError } from '../../contract/errors.ts';
import { readJson, removeDurably, writeAtomic } from '../../system/atomic-file.ts';
import { assertCurrent, epochLine, guarded } from '../../system/epoch.ts';
import {
  endProcess,
  findProcesses,
  identifyProcess,
  isAlive,
  type ProcessId,
} from '../../system/processes.ts';
import { toolMissing } from '../../system/run.ts';
import type { BackendContext } from '../context.ts';
import { managementSocket } from './management-socket.ts';
import type { Tgtadm } from './tgtadm.ts';

const processSchema = z.object({ pid: z.int(), startTicks: z.number() });
const START_SECONDS = 15;
/** What a shell answers for a program that it cannot find. */
const NOT_FOUND_STATUS = 127;

/**
 * A tgtd of the backend's own. It outlives the worker that started it, since a device must not
 * vanish under a step that another attempt will finish; the next worker finds it by its command
 * line and writes down who it is.
 */
export class ManagedTgtd {
  readonly #file: string;
  readonly #log: string;

  constructor(
    readonly directory: string,
    readonly portal: string,
    readonly tgt: Tgtadm,
    readonly context: Pick<BackendContext, 'epoch' | 'log'>,
  ) {
    this.#file = join(directory, 'process.json');
    this.#log = join(directory, 'log');
  }

  /** The one that runs now, whoever started it. */
  async #running(): Promise<ProcessId | undefined> {
    const known = await readJson(this.#file, processSchema);
    if (known !== undefined && isAlive(known)) return known;
    const [found] = await findProcesses('tgtd', `portal=${this.portal}`);
    if (found !== undefined) await writeAtomic(this.#file, JSON.stringify(found));
    return found;
  }

  /**
   * Returns when our tgtd answers, started if there is none. Answers whether it was started.
   * @throws BackendUnavailable, ToolMissing, WorkerSuperseded
   */
  async ensure(): Promise<boolean> {
    const running = await this.#running();
    const process = running ?? (await this.#start());
    await this.#waitUntilItServes(process);
    return running === undefined;
  }

  async #start(): Promise<ProcessId> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const port = String(this.tgt.controlPort);
    const argv = ['tgtd', '-f', '-C', port, '--iscsi', `portal=${this.portal}`];
    const [shell, ...rest] = guarded([epochLine(this.context.epoch)], argv) as [
      string,
      ...string[],
    ];
    const log = await open(this.#log, 'a', 0o600);
    try {
      assertCurrent(this.context.epoch);
      const child = spawn(shell, rest, { detached: true, stdio: ['ignore', log.fd, log.fd] });
      await once(child, 'spawn');
      child.unref();
      const process = identifyProcess(child.pid ?? 0);
      if (process === undefined) throw await this.#ended(child.exitCode);
      await writeAtomic(this.#file, JSON.stringify(process));
      this.context.log.info('started tgtd', { pid: process.pid, portal: this.portal });
      child.on('exit', (status) => {
        if (status === NOT_FOUND_STATUS) this.context.log.error('tgtd is not installed');
      });
      return process;
    } finally {
      await log.close();
    }
  }

  async #waitUntilItServes(process: ProcessId): Promise<void> {
    const deadline = performance.now() + START_SECONDS * 1000;
    let because = 'it gives no answer';
    while (isAlive(process) && performance.now() < deadline) {
      try {
        const portals = await this.tgt.look('--mode', 'portal', '--op', 'show');
        if (portals.includes(`Portal: ${this.portal},`)) return;
        // A starting tgtd answers before it listens; another one never does.
        because = `control port ${this.tgt.controlPort} does not serve portal ${this.portal}`;
      } catch (error) {
        if (!(error instanceof DrayError) || error.code !== 'BackendUnavailable') throw error;
        because = error.message;
      }
      await sleep(50);
    }
    if (!isAlive(process)) throw await this.#ended(null);
    throw this.#unavailable(because);
  }

  async #ended(status: number | null): Promise<DrayError> {
    assertCurrent(this.context.epoch);
    const log = await readFile(this.#log, 'utf8').catch(() => '');
    const last = log.trim().split('\n').slice(-2).join('; ');
    if (status === NOT_FOUND_STATUS || last.endsWith('tgtd: not found')) return toolMissing('tgtd');
    return this.#unavailable(`tgtd ended by itself: ${last}`);
  }

  #unavailable(because: string): DrayError {
    return new DrayError('BackendUnavailable', { backend: this.tgt.backend, because });
  }

  /** Ends it if it has no target. It ignores SIGTERM, and without targets it holds nothing. */
  async stopIfIdle(): Promise<void> {
    const running = await this.#running();
    if (running === undefined || (await this.tgt.targets()).length > 0) return;
    assertCurrent(this.context.epoch);
    if (!(await endProcess(running, 'SIGKILL', 10))) return;
    await removeDurably(this.#file);
    const socket = managementSocket(this.tgt.controlPort);
    for (const path of [socket, `${socket}.lock`]) await rm(path, { force: true });
    this.context.log.info('ended tgtd, which exported nothing', { pid: running.pid });
  }
}
