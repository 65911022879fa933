import { join } from 'node:path';
import type { Attachment } from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import type { Sighting } from '../../contract/leaks.ts';
import { formatVolume, type Undone, type Volume, type VolumeRef } from '../../contract/volume.ts';
import { findBuiltOn } from '../../system/built-on.ts';
import { assertCurrent } from '../../system/epoch.ts';
import type { BackendContext } from '../context.ts';
import { Exclusion } from '../../system/exclusion.ts';
import { ReservationStore } from '../reservations.ts';
import { openDirectory } from './directory.ts';
import { checkRoot, claimRoot } from './identity.ts';
import { VolumeStore, type StoredVolume } from './volumes.ts';

/** A volume held for an attachment. */
export type HeldVolume = StoredVolume & { reservation: string; readsAsZeros: boolean };

/**
 * A directory of volumes and reservations that knows whose it is. Every call looks first whether
 * the directory is still the one that was opened: an unmounted file system is not an empty one.
 */
export class VolumeRoot {
  readonly #volumes: VolumeStore;
  readonly #reservations: ReservationStore;
  readonly #exclusion = new Exclusion();
  #uuid: string | undefined;

  constructor(
    readonly path: string,
    readonly backend: string,
    readonly context: BackendContext,
    devices: Readonly<Record<string, string>> = {},
  ) {
    this.#volumes = new VolumeStore(join(path, 'volumes'), backend, devices);
    this.#reservations = new ReservationStore(join(path, 'reservations'));
  }

  /** Makes the directories at first use. @throws ForeignRoot, StateUnwritable */
  async open(): Promise<void> {
    await this.uuid();
    await openDirectory(this.#volumes.directory);
    await openDirectory(this.#reservations.directory);
  }

  /** Looks anew each time; only the first look may make a root. @throws ForeignRoot */
  async uuid(): Promise<string> {
    if (this.#uuid === undefined) {
      const remembered = join(this.context.stateRoot, 'roots', this.backend);
      this.#uuid = await claimRoot(this.path, remembered);
    } else {
      await checkRoot(this.path, this.#uuid);
    }
    return this.#uuid;
  }

  async get(volume: VolumeRef): Promise<Volume> {
    await this.uuid();
    return this.#describe(await this.#volumes.get(volume));
  }

  async list(): Promise<Volume[]> {
    await this.uuid();
    const ids = await this.#volumes.ids();
    const found = await Promise.all(ids.map((id) => this.#find(id)));
    return found.filter((volume) => volume !== undefined);
  }

  async create(id: string, sizeBytes: number): Promise<Volume> {
    await this.uuid();
    return this.#exclusion.run(id, async () => {
      assertCurrent(this.context.epoch);
      await this.#volumes.create(id, sizeBytes);
      return this.#describe(await this.#volumes.get({ backend: this.backend, id }));
    });
  }

  /** @throws DeleteReserved, BadOption for a device that exists anyway */
  async delete(volume: VolumeRef): Promise<Undone> {
    await this.uuid();
    return this.#exclusion.run(volume.id, async () => {
      await this.#reservations.assertFree(volume);
      if (volume.id in this.#volumes.devices) {
        const because = 'it is a device of the configuration, which only offers it';
        throw new DrayError('BadOption', { option: formatVolume(volume), because });
      }
      assertCurrent(this.context.epoch);
      return (await this.#volumes.remove(volume.id)) ? 'done' : 'alreadyGone';
    });
  }

  /**
   * Reserves the volume and, for a writable attachment, clears its never-written mark: both are
   * durable on return. `takesOver`: see Backend.createExport. @throws VolumeNotFound, VolumeBusy
   */
  async hold(attachment: Attachment, takesOver?: string): Promise<HeldVolume> {
    await this.uuid();
    return this.#exclusion.run(attachment.volume.id, async () => {
      const volume = await this.#volumes.get(attachment.volume);
      assertCurrent(this.context.epoch);
      const held = await this.#reservations.reserve(attachment, volume.neverWritten, takesOver);
      if (attachment.accessMode === 'rw') await this.#volumes.markWritten(volume);
      return { ...volume, reservation: held.id, readsAsZeros: held.readsAsZeros };
    });
  }

  /** The volume that `hold` gave to this attachment. @throws NotExported, VolumeNotFound */
  async heldBy(attachment: Attachment): Promise<HeldVolume> {
    await this.uuid();
    const { volume } = attachment;
    const holder = await this.#reservations.holderOf(volume.id);
    if (holder?.attachment.id !== attachment.id) {
      const name = formatVolume(volume);
      throw new DrayError('NotExported', { volume: name, attachment: attachment.id });
    }
    const { id: reservation, readsAsZeros } = holder;
    return { ...(await this.#volumes.get(volume)), reservation, readsAsZeros };
  }

  async release(attachment: Attachment): Promise<Undone> {
    await this.uuid();
    return this.#exclusion.run(attachment.volume.id, async () => {
      assertCurrent(this.context.epoch);
      return (await this.#reservations.release(attachment)) ? 'done' : 'alreadyGone';
    });
  }

  /** One that cannot be read is logged and hides no other. */
  async reservations(): Promise<Attachment[]> {
    await this.uuid();
    const held = await this.#reservations.list((error) => {
      this.context.log.error('a reservation cannot be read', { backend: this.backend, error });
    });
    return held.map((reservation) => reservation.attachment);
  }

  /** Who holds its volumes, as `Backend.survey` tells it, and what others built on them. */
  async survey(devices: readonly string[] = []): Promise<Sighting[]> {
    await this.uuid();
    return [
      ...(await this.#reservations.survey(this.backend)),
      ...(await findBuiltOn(this.#volumes.directory, devices)),
    ];
  }

  /** One with a damaged file is told as such and hides no other. */
  async #find(id: string): Promise<Volume | undefined> {
    const { backend } = this;
    try {
      const volume = await this.#volumes.find(id);
      return volume === undefined ? undefined : await this.#describe(volume);
    } catch (error) {
      if (!(error instanceof DrayError) || error.code !== 'StateDamaged') throw error;
      this.context.log.error('a volume cannot be described', { volume: `${backend}:${id}`, error });
      return { backend, id, sizeBytes: 0, state: 'damaged', neverWritten: false };
    }
  }

  async #describe(volume: StoredVolume): Promise<Volume> {
    const holder = await this.#reservations.holderOf(volume.id);
    return {
      backend: this.backend,
      id: volume.id,
      sizeBytes: volume.sizeBytes,
      state: 'available',
      neverWritten: volume.neverWritten,
      ...(holder === undefined ? {} : { reservedBy: holder.attachment.id }),
    };
  }
}
