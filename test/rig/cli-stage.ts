import { execa, type ResultPromise } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dray, type DrayRun } from './dray.ts';
import { until } from './poll.ts';
import { startTemporal, type TestTemporal } from './temporal.ts';

/** What `dray` needs: a Temporal server, a worker from the checkout, and `file` storage `disks`. */
export class CliStage {
  #worker: ResultPromise | undefined;

  private constructor(
    readonly directory: string,
    private readonly temporal: TestTemporal,
  ) {}

  static async start(): Promise<CliStage> {
    const directory = await mkdtemp(join(tmpdir(), 'dray-stage-'));
    const stage = new CliStage(directory, await startTemporal());
    const config = {
      host: 'mover',
      stateDir: join(directory, 'state'),
      temporal: { address: stage.temporal.address },
      limits: { heartbeatSeconds: 3, retryInitialSeconds: 0.5, retryMaximumSeconds: 1 },
      backends: { disks: { type: 'file', root: join(directory, 'disks') } },
    };
    await writeFile(stage.#config, JSON.stringify(config));
    await stage.startWorker();
    return stage;
  }

  get #config(): string {
    return join(this.directory, 'config.yaml');
  }

  volumeFile(id: string): string {
    return join(this.directory, 'disks', 'volumes', `${id}.raw`);
  }

  dray(...args: string[]): Promise<DrayRun> {
    return dray(args, { DRAY_CONFIG: this.#config });
  }

  /** Returns when it answers. */
  async startWorker(): Promise<void> {
    const program = join(import.meta.dirname, '../../worker.ts');
    const argv = ['--import', import.meta.resolve('tsx'), program, '--config', this.#config];
    this.#worker = execa(process.execPath, argv, { stdio: 'ignore' });
    // How it ends is looked at where it is asked for.
    this.#worker.catch(() => undefined);
    await until('a worker that answers', async () => {
      return (await this.dray('volume', 'list', 'disks', '--json')).status === 0;
    });
  }

  /** Returns when the worker has ended. */
  async endWorker(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#worker?.kill(signal);
    await this.#worker?.catch(() => undefined);
  }

  async end(): Promise<void> {
    await this.endWorker('SIGTERM');
    await this.temporal.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}
