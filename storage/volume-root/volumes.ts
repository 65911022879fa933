import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DrayError } from '../../contract/errors.ts';
import { formatVolume, SECTOR_BYTES, VOLUME_ID, type VolumeRef } from '../../contract/volume.ts';
import { readJson, removeDurably, writeAtomic } from '../../system/atomic-file.ts';
import { configuredBytes } from './block-device.ts';
import { createRaw, lookAtRaw } from './raw-file.ts';

/** A volume as it lies on this host. */
export type StoredVolume = {
  id: string;
  path: string;
  sizeBytes: number;
  neverWritten: boolean;
};

const metadataSchema = z.object({
  sizeBytes: z.number(),
  neverWritten: z.boolean(),
  createdAt: z.string(),
});

/** @throws BadSize */
export function checkSize(sizeBytes: number): void {
  if (Number.isSafeInteger(sizeBytes) && sizeBytes > 0 && sizeBytes % SECTOR_BYTES === 0) return;
  const because = `it is not a positive multiple of ${SECTOR_BYTES} bytes`;
  throw new DrayError('BadSize', { size: sizeBytes, because });
}

/**
 * Raw files `<id>.raw` with metadata `<id>.json`, and block devices that exist anyway. A raw file
 * without metadata was put there by hand: its size is the file's, and it counts as written.
 */
export class VolumeStore {
  constructor(
    readonly directory: string,
    readonly backend: string,
    readonly devices: Readonly<Record<string, string>>,
  ) {}

  #fileOf(id: string, extension: 'raw' | 'json'): string {
    if (!VOLUME_ID.test(id)) {
      throw new DrayError('BadVolumeName', { text: `${this.backend}:${id}` });
    }
    return join(this.directory, `${id}.${extension}`);
  }

  /** undefined when there is no such volume. @throws BadVolumeName, StateDamaged */
  async find(id: string): Promise<StoredVolume | undefined> {
    const raw = this.#fileOf(id, 'raw');
    const device = this.devices[id];
    if (device !== undefined) {
      const sizeBytes = await configuredBytes(device);
      return sizeBytes === undefined
        ? undefined
        : { id, path: device, sizeBytes, neverWritten: false };
    }
    const file = await lookAtRaw(raw);
    if (file === undefined) return undefined;
    const metadata = await readJson(this.#fileOf(id, 'json'), metadataSchema);
    // A file put in the place of ours has allocated blocks: the mark alone is not believed.
    const neverWritten = metadata?.neverWritten === true && !file.allocated;
    return { id, path: raw, sizeBytes: file.sizeBytes, neverWritten };
  }

  /** @throws VolumeNotFound, BadVolumeName */
  async get(volume: VolumeRef): Promise<StoredVolume> {
    const found = await this.find(volume.id);
    if (found === undefined) {
      const { backend } = volume;
      throw new DrayError('VolumeNotFound', { volume: formatVolume(volume), backend });
    }
    return found;
  }

  async ids(): Promise<string[]> {
    const names = await readdir(this.directory);
    const ids = names.filter((n) => n.endsWith('.raw')).map((n) => n.slice(0, -'.raw'.length));
    const all = new Set([...ids.filter((id) => VOLUME_ID.test(id)), ...Object.keys(this.devices)]);
    return [...all].sort();
  }

  /** The file is there before its metadata: a crash between leaves a volume that counts as written. */
  async create(id: string, sizeBytes: number): Promise<void> {
    const raw = this.#fileOf(id, 'raw');
    checkSize(sizeBytes);
    if (id in this.devices || !(await createRaw(raw, sizeBytes))) {
      throw new DrayError('VolumeExists', { volume: `${this.backend}:${id}` });
    }
    try {
      await this.#write(id, { sizeBytes, neverWritten: true });
    } catch (error) {
      await removeDurably(raw);
      throw error;
    }
  }

  /** Clears the never-written mark, durably. */
  async markWritten(volume: StoredVolume): Promise<void> {
    if (volume.neverWritten) await this.#write(volume.id, { ...volume, neverWritten: false });
  }

  /** Metadata go first: what a crash leaves counts as written. Answers whether it was there. */
  async remove(id: string): Promise<boolean> {
    await removeDurably(this.#fileOf(id, 'json'));
    return removeDurably(this.#fileOf(id, 'raw'));
  }

  async #write(id: string, facts: { sizeBytes: number; neverWritten: boolean }): Promise<void> {
    const { sizeBytes, neverWritten } = facts;
    const createdAt = new Date().toISOString();
    await writeAtomic(
      this.#fileOf(id, 'json'),
      JSON.stringify({ sizeBytes, neverWritten, createdAt }),
    );
  }
}
