import { spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { DrayError } from '../../contract/errors.ts';
import { readJson, removeDurably, writeAtomic } from '../../system/atomic-file.ts';
import { assertCurrent, epochLine, guarded, readEpoch } from '../../system/epoch.ts';
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

/** The portal in the words of tgtd, which shows addresses where it was given a name. */
async function shownAs(portal: string): Promise<string[]> {
  const colon = portal.lastIndexOf(':');
  const host = portal.slice(0, colon).replace(/^\[|\]$/g, '');
  // A name that cannot be resolved now: only the literal text can agree.
  const found = await lookup(host, { all: true }).catch(() => []);
  const port = portal.slice(colon);
  return [
    portal,
    ...found.map(({ address, family }) => (family === 6 ? `[${address}]` : address) + port),
  ];
}

/**
 * A tgtd of the backend's own. It outlives the worker that started it, since a device must not
 * vanish under a step that another attempt will finish; the next worker finds it by its command
 * line and log, and writes down who it is.
 */
export class ManagedTgtd {
  readonly #file: string;
  readonly #log: string;
  readonly #argv: readonly string[];

  constructor(
    readonly directory: string,
    readonly portal: string,
    readonly tgt: Tgtadm,
    readonly context: Pick<BackendContext, 'epoch' | 'log'>,
  ) {
    this.#file = join(directory, 'process.json');
    this.#log = join(directory, 'log');
    const control = ['-C', String(tgt.controlPort)];
    this.#argv = ['tgtd', '-f', ...control, '--iscsi', `portal=${portal}`];
  }

  /** The one that runs now, whoever started it. */
  async #running(): Promise<ProcessId | undefined> {
    const known = await readJson(this.#file, processSchema);
    if (known !== undefined && isAlive(known)) return known;
    for (const found of await findProcesses('tgtd', ...this.#argv)) {
      if (!(await this.#isOurs(found))) continue;
      await writeAtomic(this.#file, JSON.stringify(found));
      return found;
    }
    return undefined;
  }

  /** Words may be part of longer ones there, and somebody else's may have the same: its log tells. */
  async #isOurs({ pid }: ProcessId): Promise<boolean> {
    const line = this.#argv.map((word) => `${word}\0`).join('');
    if ((await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) !== line) return false;
    const [log, output] = await Promise.all(
      [this.#log, `/proc/${pid}/fd/1`].map((path) => stat(path).catch(() => undefined)),
    );
    return log !== undefined && log.ino === output?.ino && log.dev === output.dev;
  }

  /**
   * Returns when our tgtd serves its portal, started if there is none.
   * @throws BackendUnavailable, ToolMissing, WorkerSuperseded
   */
  async ensure(): Promise<void> {
    const running = await this.#running();
    const process = running ?? (await this.#start());
    try {
      await this.#waitUntilItServes(process);
    } catch (error) {
      // A tgtd that could not have its portal goes on without one, and nobody would ever use it.
      if (running === undefined) await this.#end(process);
      throw error;
    }
  }

  async #start(): Promise<ProcessId> {
    // One that answers there would pass for ours until ours has ended for want of its control port.
    if (await this.#isAnswered()) {
      const held = `control port ${this.tgt.controlPort} is held by a tgtd that it does not know as its own`;
      throw this.#unavailable(
        `${held}; choose another controlPort, or end that one if it serves nobody`,
      );
    }
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const [shell = '', ...rest] = guarded([epochLine(this.context.epoch)], this.#argv);
    const log = await open(this.#log, 'a', 0o600);
    try {
      assertCurrent(this.context.epoch);
      const child = spawn(shell, rest, {
        cwd: '/',
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
      });
      await once(child, 'spawn');
      child.unref();
      const process = identifyProcess(child.pid ?? 0);
      if (process === undefined) throw await this.#ended();
      await writeAtomic(this.#file, JSON.stringify(process));
      this.context.log.info('started tgtd', { pid: process.pid, portal: this.portal });
      return process;
    } finally {
      await log.close();
    }
  }

  async #waitUntilItServes(process: ProcessId): Promise<void> {
    const deadline = performance.now() + START_SECONDS * 1000;
    while (isAlive(process) && performance.now() < deadline) {
      try {
        const portals = await this.tgt.look('--mode', 'portal', '--op', 'show');
        const names = await shownAs(this.portal);
        if (names.some((name) => portals.includes(`Portal: ${name},`))) return;
      } catch (error) {
        if (!(error instanceof DrayError) || error.code !== 'BackendUnavailable') throw error;
        await sleep(50);
        continue;
      }
      // It listens before it answers: this portal is somebody else's, or this control port is.
      const port = this.tgt.controlPort;
      throw this.#unavailable(`the tgtd of control port ${port} does not serve ${this.portal}`);
    }
    if (!isAlive(process)) throw await this.#ended();
    throw this.#unavailable(`no answer within ${START_SECONDS} s`);
  }

  async #ended(): Promise<DrayError> {
    assertCurrent(this.context.epoch);
    const log = await readFile(this.#log, 'utf8').catch(() => '');
    const last = log.trim().split('\n').slice(-2).join('; ');
    if (last.endsWith('tgtd: not found')) return toolMissing('tgtd');
    return this.#unavailable(`tgtd ended by itself: ${last}`);
  }

  #unavailable(because: string): DrayError {
    return new DrayError('BackendUnavailable', { backend: this.tgt.backend, because });
  }

  /** Ends it if it has no target, and clears what one that was killed has left. */
  async stopIfIdle(): Promise<void> {
    const { epoch } = this.context;
    // A newer worker has it now.
    if (readEpoch(epoch.file) !== epoch.number) return;
    const running = await this.#running();
    if (running !== undefined) {
      if ((await this.tgt.targets()).length > 0) return;
      await this.#end(running);
      this.context.log.info('ended tgtd, which exported nothing', { pid: running.pid });
    } else if (!(await removeDurably(this.#file)) || (await this.#isAnswered())) {
      return;
    }
    const socket = managementSocket(this.tgt.controlPort);
    for (const path of [socket, `${socket}.lock`]) await rm(path, { force: true });
  }

  /** Whether somebody else has the control port by now. */
  async #isAnswered(): Promise<boolean> {
    try {
      await this.tgt.look('--mode', 'portal', '--op', 'show');
      return true;
    } catch (error) {
      if (error instanceof DrayError && error.code === 'BackendUnavailable') return false;
      throw error;
    }
  }

  /** tgtd ignores SIGTERM; without targets it holds nothing that SIGKILL could hurt. */
  async #end(process: ProcessId): Promise<void> {
    assertCurrent(this.context.epoch);
    if (!(await endProcess(process, 'SIGKILL', 10))) throw this.#unavailable('it does not end');
    await removeDurably(this.#file);
  }
}
