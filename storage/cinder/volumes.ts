import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { DrayError } from '../../contract/errors.ts';
import { formatVolume, VOLUME_ID, type VolumeRef } from '../../contract/volume.ts';
import type { CinderApi } from './api.ts';

/** A volume as Cinder describes it; size in GiB. */
const volume = z.object({
  id: z.string(),
  name: z.string().nullish(),
  status: z.string(),
  size: z.number(),
  multiattach: z.boolean().nullish(),
  encrypted: z.boolean().nullish(),
  /** Told to administrators alone. */
  migration_status: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
});
export type CinderVolume = z.infer<typeof volume>;

const one = z.object({ volume });
const page = z.object({
  volumes: z.array(volume),
  volumes_links: z.array(z.object({ rel: z.string() })).nullish(),
});

export const GIB = 2 ** 30;
/** Within what one attempt of a step may take. */
const CHANGE_SECONDS = 240;

const pathOf = (id: string): string => `/volumes/${encodeURIComponent(id)}`;

/** The calls on volumes. */
export class Volumes {
  constructor(readonly api: CinderApi) {}

  async find(id: string): Promise<CinderVolume | undefined> {
    return (await this.api.find(pathOf(id), one))?.volume;
  }

  /** @throws VolumeNotFound */
  async get(ref: VolumeRef): Promise<CinderVolume> {
    const found = await this.find(ref.id);
    if (found !== undefined) return found;
    const { backend } = ref;
    throw new DrayError('VolumeNotFound', { volume: formatVolume(ref), backend });
  }

  /** Those of the project, page by page. `name`: only those that are called so. */
  async list(name?: string): Promise<CinderVolume[]> {
    const all: CinderVolume[] = [];
    for (;;) {
      const marker = all.at(-1)?.id;
      const query = new URLSearchParams({
        ...(name === undefined ? {} : { name }),
        ...(marker === undefined ? {} : { marker }),
      });
      const found = await this.api.get(`/volumes/detail?${query.toString()}`, page);
      all.push(...found.volumes);
      const hasNext = found.volumes_links?.some(({ rel }) => rel === 'next') === true;
      // Asked for behind nothing new, it would give the same page for ever.
      if (!hasNext || found.volumes.length === 0) return all;
    }
  }

  /** Whether Cinder lets us look at the project. */
  async check(): Promise<void> {
    await this.api.get('/volumes/detail?limit=1', page);
  }

  /**
   * Makes a volume of that name and waits for it; Cinder gives it its id.
   * @throws BadVolumeName, BadSize, VolumeExists, VolumeNotMade
   */
  async create(name: string, sizeBytes: number): Promise<CinderVolume> {
    const { backend } = this.api;
    const called = `${backend}:${name}`;
    if (!VOLUME_ID.test(name)) throw new DrayError('BadVolumeName', { text: called });
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % GIB !== 0) {
      const because = `volumes of ${backend} are a whole number of GiB`;
      throw new DrayError('BadSize', { size: sizeBytes, because });
    }
    // Cinder itself takes a name twice; whoever repeats a lost request would have two volumes.
    const taken = (await this.list(name)).length > 0;
    if (taken) throw new DrayError('VolumeExists', { volume: called });
    const body = { volume: { name, size: sizeBytes / GIB } };
    const answer = await this.api.send('POST', '/volumes', body);
    const { id } = this.api.read(answer, 'POST /volumes', one).volume;
    const made = await this.#settled(id, (found) => found?.status !== 'creating');
    if (made?.status === 'available') return made;
    await this.delete(id);
    throw new DrayError('VolumeNotMade', { backend, volume: called });
  }

  /** Waits until it is gone. Answers whether it was there. @throws BackendRefused */
  async delete(id: string): Promise<boolean> {
    const answer = await this.api.send('DELETE', pathOf(id));
    if (answer.status === 404) return false;
    if (answer.status >= 400) {
      // Cinder refuses to delete what an earlier request is deleting.
      const found = await this.find(id);
      if (found === undefined) return true;
      if (found.status !== 'deleting') throw this.api.refused(`DELETE ${pathOf(id)}`, answer);
    }
    const rest = await this.#settled(id, (found) => found?.status !== 'deleting');
    if (rest === undefined) return true;
    throw this.api.refused(`DELETE ${pathOf(id)}`, { because: `it is ${rest.status}` });
  }

  /** The volume once Cinder, which answers before it acts, has done what it was asked for. */
  async #settled(
    id: string,
    isDone: (found: CinderVolume | undefined) => boolean,
  ): Promise<CinderVolume | undefined> {
    const deadline = performance.now() + CHANGE_SECONDS * 1000;
    for (;;) {
      const found = await this.find(id);
      if (isDone(found)) return found;
      if (performance.now() > deadline) {
        throw this.api.unavailable(
          `volume ${id} is still ${found?.status} after ${CHANGE_SECONDS} s`,
        );
      }
      await sleep(500);
    }
  }
}
