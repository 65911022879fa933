import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Attachment } from '../contract/attachment.ts';
import { DrayError } from '../contract/errors.ts';
import type { Sighting } from '../contract/leaks.ts';
import { formatVolume, type VolumeRef } from '../contract/volume.ts';
import { createExclusive, readJson, removeDurably, writeAtomic } from '../system/atomic-file.ts';
import { attachmentSchema } from '../system/claims.ts';

/**
 * Who holds a volume. `id` is new with each reservation. `readsAsZeros` is the never-written mark as
 * the holder found it, so that a repeated createExport gives the same answer although the mark has
 * been cleared meanwhile.
 */
export type Reservation = {
  id: string;
  attachment: Attachment;
  readsAsZeros: boolean;
  /**
   * What the storage system itself calls it, where that has reservations of its own. Missing until
   * its answer was kept: whether it has made one is not known then.
   */
  foreignId?: string;
};

const reservationSchema = z.object({
  id: z.string(),
  attachment: attachmentSchema,
  readsAsZeros: z.boolean(),
  foreignId: z.string().exactOptional(),
});

/** One file a reserved volume: who creates it holds the volume. */
export class ReservationStore {
  constructor(readonly directory: string) {}

  fileOf(volumeId: string): string {
    return join(this.directory, `${volumeId}.json`);
  }

  /** @throws StateDamaged */
  async holderOf(volumeId: string): Promise<Reservation | undefined> {
    return readJson(this.fileOf(volumeId), reservationSchema);
  }

  /** @throws DeleteReserved naming the workflow that holds it */
  async assertFree(volume: VolumeRef): Promise<void> {
    const held = await this.holderOf(volume.id);
    if (held === undefined) return;
    const holder = held.attachment.owner.workflowId;
    throw new DrayError('DeleteReserved', { volume: formatVolume(volume), holder });
  }

  /**
   * Atomic and durable; a repeat by the same attachment finds its own. The reservation of the
   * attachment `takesOver` stays the same one and changes its holder.
   * @throws VolumeBusy naming the workflow that holds it
   */
  async reserve(
    attachment: Attachment,
    readsAsZeros: boolean,
    takesOver?: string,
  ): Promise<Reservation> {
    const { volume } = attachment;
    const mine = { id: randomUUID(), attachment, readsAsZeros };
    // The holder may let go between the two looks, hence more than one try.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const holder = await this.holderOf(volume.id);
      if (holder?.attachment.id === attachment.id) return holder;
      if (holder !== undefined && holder.attachment.id === takesOver) {
        const taken = { ...holder, attachment };
        await writeAtomic(this.fileOf(volume.id), JSON.stringify(taken));
        return taken;
      }
      if (holder !== undefined) {
        const { workflowId } = holder.attachment.owner;
        throw new DrayError('VolumeBusy', { volume: formatVolume(volume), holder: workflowId });
      }
      if (await createExclusive(this.fileOf(volume.id), JSON.stringify(mine))) return mine;
    }
    throw new DrayError('VolumeBusy', { volume: formatVolume(volume), holder: 'several at once' });
  }

  /** Keeps what the storage system calls a reservation; undefined before it is asked for one. */
  async rename(held: Reservation, foreignId: string | undefined): Promise<void> {
    // What is undefined is not written.
    await writeAtomic(
      this.fileOf(held.attachment.volume.id),
      JSON.stringify({ ...held, foreignId }),
    );
  }

  /** Answers whether the attachment held it. */
  async release(attachment: Attachment): Promise<boolean> {
    const holder = await this.holderOf(attachment.volume.id);
    if (holder?.attachment.id !== attachment.id) return false;
    return removeDurably(this.fileOf(attachment.volume.id));
  }

  /** Every reservation that can be read; `onDamaged` is told of the others. */
  async list(onDamaged: (error: unknown, volumeId: string) => void): Promise<Reservation[]> {
    const names = (await readdir(this.directory)).filter((name) => name.endsWith('.json'));
    const all = await Promise.all(
      names.map(async (name) => {
        const volumeId = name.slice(0, -'.json'.length);
        try {
          return await this.holderOf(volumeId);
        } catch (error) {
          onDamaged(error, volumeId);
          return undefined;
        }
      }),
    );
    return all.filter((found) => found !== undefined);
  }

  /** Who holds volumes of this backend, as `Backend.survey` tells it. */
  async survey(backend: string): Promise<Sighting[]> {
    const damaged: Sighting[] = [];
    const sighting = (id: string): Omit<Sighting, 'record'> => {
      const identity = this.fileOf(id);
      return { kind: 'reservation', identity, look: `cat ${identity}`, volume: { backend, id } };
    };
    const held = await this.list((error, id) => {
      const because = (error as Error).message;
      damaged.push({ ...sighting(id), verdict: { state: 'unknown', because } });
    });
    const whole = held.map(({ attachment }) => ({
      ...sighting(attachment.volume.id),
      attachmentId: attachment.id,
      record: attachment,
    }));
    return [...whole, ...damaged];
  }
}
