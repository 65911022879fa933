import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { execa, type ResultPromise } from 'execa';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCopy } from '../../client/temporal/start-copy.ts';
import type { CopyOptions } from '../../contract/copy.ts';
import { parseVolume, type VolumeRef } from '../../contract/volume.ts';
import { createKey, keysDirectory } from '../../system/config/keys.ts';
import { type LoadedConfig, loadConfig } from '../../system/config/load.ts';
import { locateTemporal } from '../../client/server/locate-temporal.ts';
import { dray, type DrayRun } from './dray.ts';
import { until } from './poll.ts';
import { startTemporal, type TestTemporal } from './temporal.ts';

const WORKER = join(import.meta.dirname, '../../worker.ts');
export const HOUSE_LIMITS = {
  heartbeatSeconds: 3,
  scheduleToStartSeconds: 4,
  patienceSeconds: 10,
  retryInitialSeconds: 0.5,
  retryMaximumSeconds: 1,
};

const volumeOf = (text: string): VolumeRef => parseVolume(text)!;

/** One server, one worker called `mover` and its backend `disks`: what a small installation has. */
export class SmallHouse {
  #worker: (PromiseLike<unknown> & Pick<ResultPromise, 'kill'>) | undefined;

  private constructor(
    readonly directory: string,
    readonly temporal: TestTemporal,
    readonly config: LoadedConfig,
    readonly client: Client,
  ) {}

  /** With Temporal's Web UI when asked for; `more`: settings of the worker beside its own. */
  static async open({
    ui = false,
    more = () => ({}),
  }: { ui?: boolean; more?: (directory: string) => object } = {}): Promise<SmallHouse> {
    const directory = await mkdtemp(join(tmpdir(), 'dray-house-'));
    const temporal = await startTemporal({ ui });
    const stateDir = join(directory, 'state');
    await createKey(keysDirectory({ stateDir }));
    const settings = {
      host: 'mover',
      stateDir,
      temporal: { address: temporal.address },
      backends: { disks: { type: 'file', root: join(directory, 'disks') } },
      limits: HOUSE_LIMITS,
      copy: { slots: 4 },
      ...more(directory),
    };
    const file = join(directory, 'config.yaml');
    // JSON is YAML.
    await writeFile(file, JSON.stringify(settings));
    const connection = await Connection.connect({ address: temporal.address });
    const client = new Client({ connection, namespace: temporal.namespace });
    const house = new SmallHouse(directory, temporal, loadConfig(file), client);
    await mkdir(join(directory, 'disks', 'volumes'), { recursive: true });
    await house.startWorker();
    return house;
  }

  /** Returns when it says that it is ready. */
  async startWorker(): Promise<void> {
    const argv = ['--import', import.meta.resolve('tsx'), WORKER, '--config', this.#configFile];
    const worker = execa(process.execPath, argv, { reject: false, all: true });
    this.#worker = worker;
    let log = '';
    worker.all.on('data', (text: Buffer) => (log += text.toString()));
    await until('the worker is ready', () => log.includes('worker ready'));
  }

  /** Returns when it has ended. */
  async endWorker(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#worker?.kill(signal);
    await this.#worker;
  }

  get #configFile(): string {
    return join(this.directory, 'config.yaml');
  }

  volumeFile(id: string): string {
    return join(this.directory, 'disks', 'volumes', `${id}.raw`);
  }

  /** Random data, and a destination that holds other data. */
  async plant(source: string, destination: string, bytes: number): Promise<void> {
    // On the disk, so that a limited copier has nothing to write for others.
    const durably = { flush: true };
    await writeFile(this.volumeFile(source), randomBytes(bytes), durably);
    await writeFile(this.volumeFile(destination), Buffer.alloc(bytes, 0x5a), durably);
  }

  async isEqual(source: string, destination: string): Promise<boolean> {
    const [a, b] = await Promise.all(
      [source, destination].map((id) => readFile(this.volumeFile(id))),
    );
    return a!.equals(b!);
  }

  /** Starts as `dray copy` does, also onto a host that nobody serves. */
  async copy(
    source: string,
    destination: string,
    options: CopyOptions = {},
    host = 'mover',
  ): Promise<WorkflowHandle> {
    // A configuration's own host may be started later; another one that nobody serves is refused.
    const input = {
      source: volumeOf(`disks:${source}`),
      destination: volumeOf(`disks:${destination}`),
      ...{ host, options, limits: this.config.limits },
    };
    const config = { ...this.config, host };
    const { workflowId } = await startCopy(this.client, config, input);
    return this.client.workflow.getHandle(workflowId);
  }

  dray(...args: string[]): Promise<DrayRun> {
    return dray(args, { DRAY_CONFIG: this.#configFile });
  }

  /** Temporal's own CLI. @throws what it says when it fails */
  async temporalCli(...args: string[]): Promise<string> {
    const { address, namespace } = this.temporal;
    const where = ['--address', address, '--namespace', namespace];
    return (await execa(await locateTemporal(), [...args, ...where])).stdout;
  }

  async close(): Promise<void> {
    await this.endWorker('SIGTERM');
    await this.client.connection.close();
    await this.temporal.stop();
    await rm(this.directory, { recursive: true });
  }
}
