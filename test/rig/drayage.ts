import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { execa } from 'execa';
import { randomBytes } from 'node:crypto';
import {
  copyFile,
  mkdir,
  mkdtemp,
  open,
  readFile,
  realpath,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { CopyInput } from '../../contract/copy.ts';
import type { TimeLimits } from '../../contract/limits.ts';
import type { Role } from '../../contract/volume.ts';
import { createKey, formatKey, importKey } from '../../system/config/keys.ts';
import { type CopyRun, startCopy } from './copy-run.ts';
import { Gates } from './gates.ts';
import { endMarked } from './marked.ts';
import { makeNamespace } from './namespace.ts';
import { Network, STORAGE_IP } from './network.ts';
import { fixedPort } from './ports.ts';
import { randomControlPort, removeControlSocket, startTgtd, type Tgtd } from './tgtd.ts';
import { WorkerProcess } from './worker-process.ts';

export const MIB = 2 ** 20;

export type DrayageOptions = {
  /** A running Temporal server; the rig has a namespace of its own there. */
  address: string;
  /** Directory of the compiled project. */
  dist: string;
  /** Ends up in the names of directory and namespace. */
  name: string;
  /** Who runs tgtd: Drayage (default), or the test as a foreign one. */
  tgtd?: 'managed' | 'foreign';
  /** The backend's worker and the mover as two processes; the mover knows no backend. */
  remote?: boolean;
  /**
   * As remote, with a second mover, and each of the three in a network namespace of its own, on a
   * line that can be cut.
   */
  network?: boolean;
  /** Default 32. */
  sourceMib?: number;
  destinationMib?: number;
  /** The destination has the source's bytes but for some at DIFFERS_AT, not old data. */
  twins?: boolean;
  /** Existing block devices offered as volumes. */
  devices?: Record<string, string>;
  /** Root of the storage; default: a directory of the rig's own. */
  storage?: string;
  limits?: Partial<TimeLimits>;
  /** For the worker that attaches and copies. */
  env?: (directory: string) => Record<string, string>;
  wrapper?: (directory: string) => string[];
};

/** Short, so that a row shows within seconds what would take minutes in operation. */
export const LIMITS: TimeLimits = {
  heartbeatSeconds: 3,
  stepSeconds: 60,
  scheduleToStartSeconds: 20,
  patienceSeconds: 20,
  retryInitialSeconds: 0.5,
  retryMaximumSeconds: 1,
};

/** Where twins differ. Unit: bytes. */
export const DIFFERS_AT = 5 * MIB + 17;

const BACKEND = 'tgt';
export const HOST = 'mover';
/** The second mover of a rig with a network. */
export const STANDBY = 'mover2';

/** Random data with a hole in it, or old data all over that the copy has to replace. */
async function plant(path: string, bytes: number, role: Role): Promise<void> {
  const file = await open(path, 'w');
  try {
    if (role === 'source') {
      await file.write(randomBytes(bytes));
      const hole = Math.floor(bytes / 4 / MIB) * MIB;
      if (hole > 0) await file.write(Buffer.alloc(hole), 0, hole, 2 * hole);
    } else {
      for (let at = 0; at < bytes; at += 4 * MIB) {
        const junk = Buffer.alloc(Math.min(64 * 1024, bytes - at), 0x5a);
        await file.write(junk, 0, junk.length, at);
      }
    }
  } finally {
    await file.close();
  }
  await truncate(path, bytes);
}

async function plantTwin(source: string, destination: string): Promise<void> {
  await copyFile(source, destination);
  const file = await open(destination, 'r+');
  await file.write('not what the source has', DIFFERS_AT);
  await file.close();
}

/** Everything a copy needs, real and its own: storage, tgtd, worker processes, a namespace. */
export class Drayage {
  readonly #undo: (() => Promise<unknown>)[] = [];
  readonly copies: CopyRun[] = [];
  tgtd: Tgtd | undefined;
  /** Attaches and copies; unless remote, it also serves the backend. */
  worker!: WorkerProcess;
  /** Serves the backend in a remote rig. */
  storageWorker: WorkerProcess | undefined;
  standby: WorkerProcess | undefined;
  network: Network | undefined;

  private constructor(
    readonly options: DrayageOptions,
    readonly directory: string,
    readonly portal: string,
    readonly controlPort: number,
    readonly client: Client,
    readonly namespace: string,
    readonly gates: Gates,
  ) {}

  static async start(options: DrayageOptions): Promise<Drayage> {
    const directory = await realpath(await mkdtemp(join(options.dist, '../rig-')));
    const { address, name } = options;
    const namespace = `${name.slice(0, 40)}-${randomBytes(4).toString('hex')}`;
    const ip = options.network === true ? STORAGE_IP : '127.0.0.1';
    const portal = `${ip}:${await fixedPort()}`;
    const gates = new Gates(join(directory, 'gates'));
    await Promise.all([makeNamespace(address, namespace), gates.make()]);
    const connection = await Connection.connect({ address });
    const client = new Client({ connection, namespace });
    const controlPort = randomControlPort();
    const rig = new Drayage(options, directory, portal, controlPort, client, namespace, gates);
    rig.undo(() => connection.close());
    rig.undo(() => rm(directory, { recursive: true, force: true }));
    rig.undo(() => rig.network?.close() ?? Promise.resolve());
    rig.undo(() => rig.#unmountAll());
    rig.undo(() => removeControlSocket(controlPort));
    rig.undo(() => endMarked(directory));
    try {
      await rig.#setUp();
    } catch (error) {
      await rig.close();
      throw error;
    }
    return rig;
  }

  undo(act: () => Promise<unknown>): void {
    this.#undo.unshift(act);
  }

  get storage(): string {
    return this.options.storage ?? join(this.directory, 'storage');
  }

  /** State directory of the worker that attaches and copies. */
  get state(): string {
    return join(this.directory, 'state');
  }

  get standbyState(): string {
    return join(this.directory, 'state-standby');
  }

  get states(): string[] {
    return [
      this.state,
      ...(this.isRemote ? [join(this.directory, 'state-storage')] : []),
      ...(this.options.network === true ? [this.standbyState] : []),
    ];
  }

  get workers(): WorkerProcess[] {
    const all = [this.worker, this.standby, this.storageWorker];
    return all.filter((worker) => worker !== undefined);
  }

  get isRemote(): boolean {
    return this.options.remote === true || this.options.network === true;
  }

  volumeFile(id: string): string {
    return join(this.storage, 'volumes', `${id}.raw`);
  }

  async #setUp(): Promise<void> {
    const { sourceMib = 32, destinationMib = sourceMib, twins, tgtd } = this.options;
    await mkdir(join(this.storage, 'volumes'), { recursive: true });
    const [source, destination] = [this.volumeFile('source'), this.volumeFile('destination')];
    await plant(source, sourceMib * MIB, 'source');
    if (twins === true) await plantTwin(source, destination);
    else await plant(destination, destinationMib * MIB, 'destination');
    if (tgtd === 'foreign') {
      const { portal, controlPort } = this;
      const server = await startTgtd({ portal, controlPort });
      this.tgtd = server;
      this.undo(() => server.stop());
    }
    const key = await createKey(join(this.state, 'keys'));
    const [, ...others] = this.states;
    for (const state of others) await importKey(join(state, 'keys'), formatKey(key));
    if (this.options.network === true) await this.#makeNetwork();
    this.worker = await this.makeWorker('', HOST, !this.isRemote);
    if (this.isRemote) this.storageWorker = await this.makeWorker('-storage', 'storage', true);
    if (this.network !== undefined) {
      this.standby = await this.makeWorker('-standby', STANDBY, false);
    }
    await Promise.all(this.workers.map((worker) => worker.start()));
  }

  async #makeNetwork(): Promise<void> {
    const { directory, options } = this;
    this.network = await Network.make(directory, options.address);
    await this.network.addHost(HOST);
    await this.network.addHost(STANDBY);
  }

  /** A worker that is not started yet; one with the same suffix shares its state directory. */
  async makeWorker(suffix: string, host: string, ownsBackend: boolean): Promise<WorkerProcess> {
    const { directory, options, portal, controlPort, storage: root, network } = this;
    const managed = options.tgtd !== 'foreign';
    const { devices = {} } = options;
    const backend = { type: 'tgt', root, portal, controlPort, managed, devices };
    const config = {
      host,
      stateDir: join(directory, `state${suffix}`),
      temporal: { address: network?.temporal ?? options.address, namespace: this.namespace },
      backends: ownsBackend ? { [BACKEND]: backend } : {},
      limits: { ...LIMITS, ...options.limits },
      log: { level: 'debug' },
    };
    const configFile = join(directory, `config${suffix}.yaml`);
    // JSON is YAML.
    await writeFile(configFile, JSON.stringify(config, undefined, 2));
    const isMain = suffix === '';
    const wrapper = [
      ...(network?.enter(host) ?? []),
      ...((isMain ? options.wrapper?.(directory) : undefined) ?? []),
    ];
    return new WorkerProcess({
      program: join(options.dist, 'worker.js'),
      configFile,
      log: join(directory, `worker${suffix}.log`),
      gates: this.gates.directory,
      mark: directory,
      wrapper,
      ...(isMain ? { env: options.env?.(directory) } : {}),
    } as ConstructorParameters<typeof WorkerProcess>[0]);
  }

  volume(id: string): { backend: string; id: string } {
    return { backend: BACKEND, id };
  }

  async startCopy(
    options: CopyInput['options'] = {},
    other: Partial<Omit<CopyInput, 'options'>> = {},
  ): Promise<CopyRun> {
    const copy = await startCopy(this, {
      source: this.volume('source'),
      destination: this.volume('destination'),
      host: HOST,
      limits: { ...LIMITS, ...this.options.limits },
      // The faults of the lanes have a part of their own; dd is what is there to compare with.
      options: { engine: 'dd', ...options },
      ...other,
    });
    this.copies.push(copy);
    return copy;
  }

  handle(workflowId: string): WorkflowHandle {
    return this.client.workflow.getHandle(workflowId);
  }

  /** Pid of the tgtd that Drayage started. */
  async managedTgtd(): Promise<number> {
    const text = await readFile(join(this.storage, 'tgtd', 'process.json'), 'utf8');
    return (JSON.parse(text) as { pid: number }).pid;
  }

  async #unmountAll(): Promise<void> {
    const mounts = (await readFile('/proc/self/mounts', 'utf8'))
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
      .filter((point) => point.startsWith(`${this.directory}/`));
    for (const point of mounts.reverse()) {
      await execa('umount', ['--lazy', point], { reject: false });
    }
  }

  /** Ends and removes whatever is left, in any state. */
  async close(): Promise<void> {
    for (const act of this.#undo.splice(0)) await act();
  }
}
