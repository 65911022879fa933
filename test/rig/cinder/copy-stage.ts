import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createKey, keysDirectory } from '../../../system/config/keys.ts';
import { dray, type DrayRun, spawnDray } from '../dray.ts';
import { until } from '../poll.ts';
import { startTemporal } from '../temporal.ts';
import type { Cinder } from './cinder.ts';
import { Proxy } from './proxy.ts';
import type { Pool } from './settings.ts';

const MIB = 2 ** 20;
const COMPARED_BYTES = 16 * MIB;

/** Whether the two files hold the same bytes. */
async function areEqual(a: string, b: string): Promise<boolean> {
  const [one, other] = [await open(a), await open(b)];
  const buffers = [Buffer.alloc(COMPARED_BYTES), Buffer.alloc(COMPARED_BYTES)] as const;
  try {
    for (let at = 0; ; at += COMPARED_BYTES) {
      const left = await one.read(buffers[0], 0, COMPARED_BYTES, at);
      const right = await other.read(buffers[1], 0, COMPARED_BYTES, at);
      if (left.bytesRead !== right.bytesRead || !buffers[0].equals(buffers[1])) return false;
      if (left.bytesRead === 0) return true;
    }
  } finally {
    await one.close();
    await other.close();
  }
}

/** Two volumes of a Cinder in two pools, and a worker that reaches it through a proxy. */
export class CopyStage {
  readonly #undo: (() => Promise<unknown>)[] = [];
  readonly proxy: Proxy;
  source = '';
  destination = '';

  private constructor(
    readonly cinder: Cinder,
    readonly directory: string,
  ) {
    this.proxy = new Proxy(cinder.endpoint);
  }

  static async set(cinder: Cinder, settings: object = {}): Promise<CopyStage> {
    const directory = await mkdtemp(join(tmpdir(), 'dray-cinder-copy-'));
    const stage = new CopyStage(cinder, directory);
    stage.undo(() => rm(directory, { recursive: true }));
    await stage.#start(settings);
    return stage;
  }

  undo(act: () => Promise<unknown>): void {
    this.#undo.unshift(act);
  }

  /** All of it, whatever fails. @throws AggregateError */
  async strike(): Promise<void> {
    const errors: unknown[] = [];
    for (const act of this.#undo) await act().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw new AggregateError(errors, 'the stage was not struck');
  }

  get #env(): Record<string, string> {
    return { DRAY_CONFIG: join(this.directory, 'config.yaml') };
  }

  async #start(more: object): Promise<void> {
    const temporal = await startTemporal();
    this.undo(() => temporal.stop());
    const stateDir = join(this.directory, 'state');
    await createKey(keysDirectory({ stateDir }));
    await this.proxy.start();
    this.undo(() => this.proxy.stop());
    const noauth = { endpoint: this.proxy.endpoint, project: this.cinder.project };
    const settings = {
      host: 'mover',
      stateDir,
      temporal: { address: temporal.address },
      backends: { cinder: { type: 'cinder', noauth } },
      ...more,
    };
    // JSON is YAML.
    await writeFile(this.#env['DRAY_CONFIG']!, JSON.stringify(settings));
    await this.#startWorker();
    this.source = await this.#makeVolume('pool1');
    this.destination = await this.#makeVolume('pool2');
  }

  async #startWorker(): Promise<void> {
    const worker = spawnDray(['worker'], this.#env);
    this.undo(async () => {
      worker.kill('SIGTERM');
      await worker;
    });
    let log = '';
    worker.stderr!.on('data', (text: Buffer) => (log += text.toString()));
    await until('the worker is ready', () => log.includes('worker ready'));
  }

  async #makeVolume(pool: Pool): Promise<string> {
    const id = await this.cinder.createVolume(pool);
    this.undo(() => this.cinder.deleteVolume(id));
    return id;
  }

  dray(...args: string[]): Promise<DrayRun> {
    return dray(args, this.#env);
  }

  get copyId(): string {
    return `copy/cinder:${this.source}`;
  }

  copy(...options: string[]): Promise<DrayRun> {
    const volumes = [`cinder:${this.source}`, `cinder:${this.destination}`];
    return this.dray('copy', ...volumes, '--json', ...options);
  }

  /** Old data all over the destination, new data with holes at the source. */
  async plant(): Promise<void> {
    const from = await open(this.cinder.fileOf('pool1', this.source), 'r+');
    const to = await open(this.cinder.fileOf('pool2', this.destination), 'r+');
    for (let mib = 0; mib < 1024; mib += 64) {
      await to.write(randomBytes(MIB), 0, MIB, mib * MIB);
      if (mib % 128 === 0) await from.write(randomBytes(4 * MIB), 0, 4 * MIB, mib * MIB);
    }
    await from.close();
    await to.close();
  }

  async expectEqual(): Promise<void> {
    const { cinder, source, destination } = this;
    const files = [cinder.fileOf('pool1', source), cinder.fileOf('pool2', destination)] as const;
    expect(await areEqual(...files)).toBe(true);
  }

  /** What a copy has at Cinder, at tgtd and on the host. */
  async leftovers(): Promise<string[]> {
    const { cinder, directory } = this;
    const [attachments, targets] = [await cinder.attachments(), await cinder.targets()];
    const records = ['claims', 'attachments', 'copiers', 'cinder/cinder'].map((name) =>
      readdir(join(directory, 'state', name)),
    );
    return [
      ...attachments.map(({ id }) => `attachment ${id}`),
      ...targets,
      ...(await Promise.all(records)).flat(),
    ];
  }

  /** Nothing is left, and both volumes are as they were. */
  async expectAsBefore(): Promise<void> {
    expect(await this.leftovers()).toEqual([]);
    for (const id of [this.source, this.destination]) {
      expect(await this.cinder.volume(id)).toMatchObject({ status: 'available', attachments: [] });
    }
  }
}
