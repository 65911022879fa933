import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endProcess, identifyProcess } from '../../../system/processes.ts';
import { runTool } from '../../../system/run.ts';
import { endMarked, MARK, markedProcesses } from '../marked.ts';
import { until } from '../poll.ts';
import { environment, type Pool, type Settings } from './settings.ts';

type Program = 'names' | 'broker' | 'tgtd' | 'api' | 'scheduler' | 'keystone' | 'securedApi';
export type Service = Program | Pool;

/** A process and all that descend from it, the eldest first. */
function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return [
    pid,
    ...children.filter((child) => child !== '').flatMap((child) => familyOf(Number(child))),
  ];
}

/** The programs of one Cinder; they die with the test process. */
export class Services {
  readonly #mark: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #running = new Map<Service, ChildProcess>();

  /** `part`: makes those of one instance known apart from those of the others. */
  constructor(
    readonly settings: Settings,
    part = '',
  ) {
    this.#mark = settings.directory + part;
    this.#env = { ...environment(settings), [MARK]: this.#mark };
  }

  #argv(service: Service): string[] {
    const { directory, ports } = this.settings;
    const at = (name: string): string => join(import.meta.dirname, name);
    const cinder = (program: string, ...confs: string[]): string[] => [
      ...['python3', at('service.py'), program],
      ...confs.flatMap((name) => ['--config-file', join(directory, `${name}.conf`)]),
    ];
    switch (service) {
      case 'names':
        return ['epmd'];
      case 'broker':
        return ['/usr/lib/rabbitmq/bin/rabbitmq-server'];
      case 'tgtd':
        return ['tgtd', '-f', '--iscsi', `portal=127.0.0.1:${ports.portal}`];
      case 'api':
      case 'scheduler':
        return cinder(service, 'cinder');
      case 'securedApi':
        return cinder('api', 'cinder', service);
      case 'keystone':
        return ['python3', at('keystone_service.py'), String(ports.keystone)];
      default:
        return cinder('volume', 'cinder', service);
    }
  }

  logOf(service: Service): string {
    return join(this.settings.directory, 'logs', `${service}.out`);
  }

  start(service: Service): void {
    const fd = openSync(this.logOf(service), 'a');
    const argv = ['--pdeathsig', 'KILL', '--', ...this.#argv(service)];
    const child = spawn('setpriv', argv, { stdio: ['ignore', fd, fd], env: this.#env });
    closeSync(fd);
    this.#running.set(service, child);
  }

  /** SIGKILL for it and all that it has started. */
  async kill(service: Service): Promise<void> {
    const child = this.#running.get(service)!;
    this.#running.delete(service);
    const family = familyOf(child.pid!).map(identifyProcess);
    const ended = once(child, 'exit');
    for (const each of family) {
      if (each !== undefined) await endProcess(each, 'SIGKILL', 10);
    }
    await ended;
  }

  /** Runs one of Cinder's tools to its end. */
  async run(tool: string, ...args: string[]): Promise<string> {
    const env = this.#env as Record<string, string>;
    const { status, stdout, stderr } = await runTool(tool, args, { env, timeoutSeconds: 60 });
    if (status !== 0) throw new Error(`${tool} ended with ${status}: ${stderr}`);
    return stdout;
  }

  /** Asks until there is an answer, as long as all services live. */
  async until(what: string, ask: () => Promise<boolean>): Promise<void> {
    await until(
      what,
      async () => {
        for (const [service, { exitCode }] of this.#running) {
          if (exitCode === null) continue;
          const log = await readFile(this.logOf(service), 'utf8');
          throw new Error(`${service} ended with ${exitCode}: ${log.slice(-2000)}`);
        }
        return ask().catch(() => false);
      },
      { seconds: 90, everyMs: 200 },
    );
  }

  /** SIGKILL for the services, then for whatever they have started. */
  async end(): Promise<void> {
    for (const child of this.#running.values()) {
      const ended = once(child, 'exit');
      if (child.kill('SIGKILL')) await ended;
    }
    while ((await markedProcesses(this.#mark)).length > 0) await endMarked(this.#mark);
  }
}
