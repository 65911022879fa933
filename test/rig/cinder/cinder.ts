import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { runToolOrThrow } from '../../../system/run.ts';
import { until } from '../poll.ts';
import { environment, type Pool, type Settings } from './settings.ts';

const row = z.looseObject({ id: z.string(), status: z.string() });
export type Row = z.infer<typeof row>;

const answers = {
  volume: z.object({ volume: row }),
  type: z.object({ volume_type: z.looseObject({ id: z.string() }) }),
  volumes: z.object({ volumes: z.array(row) }),
  attachments: z.object({ attachments: z.array(row) }),
  pools: z.object({ pools: z.array(z.looseObject({ name: z.string() })) }),
};

/** An administrator's look into a Cinder that runs, past all that Drayage has of it. */
export class Cinder {
  readonly project = 'abc123';

  constructor(readonly settings: Settings) {}

  get endpoint(): string {
    return `http://127.0.0.1:${this.settings.ports.api}`;
  }

  /** @throws Error with Cinder's own words */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.endpoint}/v3/${this.project}${path}`, {
      method,
      headers: {
        'X-Auth-Token': `admin:${this.project}`,
        'OpenStack-API-Version': 'volume 3.60',
        'Content-Type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status >= 500) throw new Error(`${method} ${path}: ${await this.#lastErrors()}`);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** What the answers of a failed API do not say. */
  async #lastErrors(): Promise<string> {
    const log = await readFile(join(this.settings.directory, 'logs', 'api.out'), 'utf8');
    return log.slice(log.lastIndexOf('Caught error')).slice(0, 4000);
  }

  /** How many pools the scheduler can choose from. */
  async poolsKnown(): Promise<number> {
    const { pools } = answers.pools.parse(await this.call('GET', '/scheduler-stats/get_pools'));
    return pools.length;
  }

  /** Answers the id. */
  async makeType(name: string, extraSpecs: Record<string, string>): Promise<string> {
    const body = { volume_type: { name, extra_specs: extraSpecs } };
    return answers.type.parse(await this.call('POST', '/types', body)).volume_type.id;
  }

  async volume(id: string): Promise<Row> {
    return answers.volume.parse(await this.call('GET', `/volumes/${id}`)).volume;
  }

  async volumes(): Promise<Row[]> {
    return answers.volumes.parse(await this.call('GET', '/volumes/detail')).volumes;
  }

  /** All there are, or those of one volume. */
  async attachments(volumeId?: string): Promise<Row[]> {
    const filter = volumeId === undefined ? '' : `?volume_id=${volumeId}`;
    return answers.attachments.parse(await this.call('GET', `/attachments${filter}`)).attachments;
  }

  /** A volume of 1 GiB; each pool has a type of its name. Answers its id. */
  async createVolume(type: string): Promise<string> {
    const body = { volume: { size: 1, volume_type: type } };
    const { id } = answers.volume.parse(await this.call('POST', '/volumes', body)).volume;
    await until(`volume ${id}`, async () => (await this.volume(id)).status === 'available');
    return id;
  }

  async deleteVolume(id: string): Promise<void> {
    await this.call('DELETE', `/volumes/${id}`);
    await until(`volume ${id} gone`, async () => {
      return (await this.volumes()).every((found) => found.id !== id);
    });
  }

  /** The file that has the bytes of a volume. */
  fileOf(pool: Pool, volumeId: string): string {
    return join(this.settings.directory, 'pools', pool, `volume-${volumeId}`);
  }

  /** Targets and sessions at tgtd, as it says itself. */
  async targets(): Promise<string[]> {
    const env = environment(this.settings) as Record<string, string>;
    const argv = ['--lld', 'iscsi', '--mode', 'target', '--op', 'show'];
    const { stdout } = await runToolOrThrow('tgtadm', argv, { env });
    return stdout.split('\n').filter((line) => /^Target |I_T nexus: /.test(line));
  }
}
