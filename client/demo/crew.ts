import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { DrayError } from '../../contract/errors.ts';
import { nodeProgram } from '../node-program.ts';
import type { Stage } from './stage.ts';

/** A process that the demo started and has to end. */
export type Member = {
  name: string;
  pid: number;
  log: string;
  /** Resolves when it has ended, however that came about. */
  ended: Promise<void>;
  hasEnded: () => boolean;
  kill: (signal: 'SIGTERM' | 'SIGKILL') => void;
  /** First line of its standard output; undefined when it ended without one. */
  firstLine: Promise<string | undefined>;
};

/** Reads on to the end, so that nobody ever waits for a full pipe. */
function firstLineOf(output: Readable): Promise<string | undefined> {
  let text = '';
  return new Promise((resolve) => {
    output.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    output.once('close', () => resolve(undefined));
  });
}

/** Nothing of the person's own Temporal or Drayage settings may reach the demo's processes. */
function environment(stage: Stage): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !/^(TEMPORAL|DRAY)_/.test(entry[0]),
  );
  const noProfiles = join(stage.directory, 'no-profiles.toml');
  return {
    ...Object.fromEntries(kept),
    TEMPORAL_CONFIG_FILE: noProfiles,
    DRAY_CONFIG: stage.configFile,
  };
}

/** The processes of one demo. */
export class Crew {
  readonly members: Member[] = [];
  /** Of the program that `dray server` runs now. */
  #temporalPid = 0;
  #closing = false;

  constructor(readonly stage: Stage) {}

  /** `path`: as nodeProgram's. Should this process be killed, the new one gets SIGTERM. */
  async #start(name: string, path: string, args: readonly string[]): Promise<Member> {
    if (this.#closing) throw new DrayError('Cancelled', {});
    const count = this.members.filter((member) => member.name === name).length;
    const log = join(this.stage.logs, count === 0 ? `${name}.log` : `${name}-${count + 1}.log`);
    const file = await open(log, 'a');
    const command = [process.execPath, ...nodeProgram(path, import.meta.url), ...args];
    // A session of its own: a Ctrl-C reaches the demo alone, which then ends everything.
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], {
      detached: true,
      stdio: ['ignore', 'pipe', file.fd],
      env: environment(this.stage),
    });
    const firstLine = firstLineOf(child.stdout as Readable);
    let over = false;
    const ended = new Promise<void>((resolve) =>
      child.once('exit', () => {
        over = true;
        resolve();
      }),
    );
    await once(child, 'spawn').finally(() => file.close());
    const member: Member = {
      name,
      pid: child.pid ?? 0,
      log,
      ended,
      hasEnded: () => over,
      kill: (signal) => void child.kill(signal),
      firstLine,
    };
    this.members.push(member);
    return member;
  }

  /** `dray server`; answers when it is ready, with the pid of the temporal program. */
  async startServer(): Promise<{ member: Member; temporalPid: number }> {
    const member = await this.#start('server', '../main', ['server', '--json']);
    const line = await member.firstLine;
    if (line === undefined) throw await endedEarly(member);
    this.#temporalPid = (JSON.parse(line) as { pid: number }).pid;
    return { member, temporalPid: this.#temporalPid };
  }

  /** `dray worker`, without the process that only passes signals on. */
  async startWorker(): Promise<Member> {
    return this.#start('worker', '../../worker', []);
  }

  /** Pids that run as long as the demo needs them. */
  pids(): number[] {
    const members = this.members.filter((member) => !member.hasEnded()).map(({ pid }) => pid);
    return [...members, this.#temporalPid];
  }

  /** Ends the workers, then the server they talk to; who does not end in time is killed. */
  async dismiss(seconds: number): Promise<void> {
    this.#closing = true;
    const serversLast = this.members.toSorted((a, b) => b.name.localeCompare(a.name));
    for (const member of serversLast) {
      if (member.hasEnded()) continue;
      member.kill(seconds > 0 ? 'SIGTERM' : 'SIGKILL');
      const late = setTimeout(() => member.kill('SIGKILL'), seconds * 1000);
      await member.ended;
      clearTimeout(late);
    }
  }
}

/** Its own last words. */
export async function endedEarly({ name, log }: Member): Promise<DrayError> {
  const stderr = (await readFile(log, 'utf8')).trim().split('\n').slice(-4).join('\n');
  return new DrayError('ToolFailed', { tool: `dray ${name}`, status: 'an early end', stderr });
}
