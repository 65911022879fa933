import { join } from 'node:path';
import type {
  Attachment,
  ConnectionInfo,
  ConnectorProperties,
  ExportRef,
} from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import type { ExportView } from '../../contract/inspection.ts';
import type { Sighting } from '../../contract/leaks.ts';
import { formatVolume, type Undone, type Volume, type VolumeRef } from '../../contract/volume.ts';
import type { CinderBackendConfig } from '../../system/config/schema.ts';
import { assertCurrent } from '../../system/epoch.ts';
import { makeDirectory } from '../../system/make-directory.ts';
import type { Backend, BackendFacts } from '../backend.ts';
import type { BackendContext } from '../context.ts';
import { initiatorOf } from '../initiator.ts';
import { ReservationStore } from '../reservations.ts';
import { CinderApi } from './api.ts';
import { Attachments } from './attachments.ts';
import { readConnection } from './connection-info.ts';
import { Holds, notExported } from './holds.ts';
import { keystone } from './keystone.ts';
import { pinned } from './pinned.ts';
import { isAttachedState, isErrorState, refusalOf } from './refusal.ts';
import { noAuth } from './session.ts';
import { surveyAttachments } from './survey.ts';
import { type CinderVolume, GIB, Volumes } from './volumes.ts';

/**
 * Volumes of OpenStack Cinder, by its public API alone. Of the two pairs of steps here Cinder knows
 * one call each: POST reserves, PUT exports and lets the host in, and DELETE takes all of it back.
 */
export class CinderBackend implements Backend {
  readonly facts: BackendFacts;
  readonly #volumes: Volumes;
  readonly #attachments: Attachments;
  readonly #reservations: ReservationStore;
  readonly #holds: Holds;

  constructor(
    readonly name: string,
    { cloud = '', noauth }: CinderBackendConfig,
    readonly context: BackendContext,
  ) {
    // What was asked for is written down on the one host that asks.
    this.facts = { name, hostBound: true, canRevoke: false };
    const { epoch, stateRoot } = context;
    const auth =
      noauth === undefined ? keystone(name, cloud) : noAuth(noauth.endpoint, noauth.project);
    const directory = join(stateRoot, 'cinder');
    const api = new CinderApi(name, pinned(name, auth, directory), epoch);
    this.#volumes = new Volumes(api);
    this.#attachments = new Attachments(api);
    this.#reservations = new ReservationStore(join(directory, name));
    this.#holds = new Holds(this.#reservations, this.#volumes, this.#attachments, epoch);
  }

  /** Whether or not Cinder answers yet. */
  open(): Promise<void> {
    return makeDirectory(this.#reservations.directory);
  }

  check(): Promise<void> {
    return this.#volumes.check();
  }

  async close(): Promise<void> {
    // Nothing runs for this backend.
  }

  async createVolume(name: string, sizeBytes: number): Promise<Volume> {
    assertCurrent(this.context.epoch);
    return this.#describe(await this.#volumes.create(name, sizeBytes));
  }

  async deleteVolume(volume: VolumeRef): Promise<Undone> {
    await this.#reservations.assertFree(volume);
    return (await this.#volumes.delete(volume.id)) ? 'done' : 'alreadyGone';
  }

  async getVolume(volume: VolumeRef): Promise<Volume> {
    return this.#describe(await this.#volumes.get(volume));
  }

  async listVolumes(): Promise<Volume[]> {
    const found = await this.#volumes.list();
    return Promise.all(found.map((volume) => this.#describeAnyway(volume)));
  }

  /**
   * Cinder makes the state from its attachments; without an administrator's rights nobody else can.
   * @throws VolumeStateStuck where it has kept one of an attachment that is gone, or of its failure
   * @throws AttachmentInDoubt where a request of ours may have reserved it after all
   */
  async setVolumeState(volume: VolumeRef, found: string): Promise<Undone> {
    const state = (await this.#volumes.find(volume.id))?.status ?? found;
    const isLeft = isAttachedState(state) || isErrorState(state);
    if (state === found || !isLeft) return 'alreadyGone';
    if (await this.#holds.isHeld(volume)) return 'alreadyGone';
    const { id } = volume;
    throw new DrayError('VolumeStateStuck', { volume: formatVolume(volume), id, state, found });
  }

  async createExport(
    attachment: Attachment,
    properties: ConnectorProperties,
    takesOver?: string,
  ): Promise<ExportRef> {
    initiatorOf(properties);
    const { size } = await this.#volumes.get(attachment.volume);
    const id = await this.#holds.hold(attachment, takesOver);
    // Nothing tells what a storage behind Cinder answers for blocks that were never written.
    const name = await this.#attachments.nameOf(id);
    return { name, sizeBytes: size * GIB, readsAsZeros: false, reservation: id };
  }

  async initializeConnection(
    attachment: Attachment,
    properties: ConnectorProperties,
  ): Promise<ConnectionInfo> {
    initiatorOf(properties);
    const id = await this.#holds.idOf(attachment);
    const info = await this.#attachments.connect(id, properties);
    if (info === undefined) throw notExported(attachment);
    if (info === null) {
      throw this.#attachments.api.unavailable(`attachment ${id} has no connection info yet`);
    }
    return readConnection(info, attachment, properties.host);
  }

  async completeConnection(attachment: Attachment): Promise<void> {
    const id = await this.#holds.idOf(attachment);
    if (!(await this.#attachments.complete(id))) throw notExported(attachment);
  }

  /** Cinder tells nothing of sessions. */
  revokeAccess(): Promise<'cannot'> {
    return Promise.resolve('cannot');
  }

  /** removeExport does it, in the one call that Cinder has for both. */
  terminateConnection(): Promise<Undone> {
    return Promise.resolve('alreadyGone');
  }

  removeExport(attachment: Attachment, keepReservation = false): Promise<Undone> {
    return this.#holds.letGo(attachment, keepReservation);
  }

  async inspectExport(attachment: Attachment): Promise<ExportView> {
    const { reservedBy } = await this.getVolume(attachment.volume);
    const holder = reservedBy === undefined ? {} : { reservedBy };
    return { ...holder, exported: await this.#holds.isThere(attachment), sessions: [] };
  }

  async listReservations(): Promise<Attachment[]> {
    const held = await this.#reservations.list((error) => {
      this.context.log.error('a reservation cannot be read', { backend: this.name, error });
    });
    return held.map(({ attachment }) => attachment);
  }

  async survey(): Promise<Sighting[]> {
    const held = await this.#reservations.survey(this.name);
    return [
      ...held,
      ...(await surveyAttachments(this.#attachments, this.#reservations, this.name)),
    ];
  }

  /** One whose record cannot be read hides no other. */
  async #describeAnyway(found: CinderVolume): Promise<Volume> {
    const { name: backend } = this;
    try {
      return await this.#describe(found);
    } catch (error) {
      if (!(error instanceof DrayError) || error.code !== 'StateDamaged') throw error;
      this.context.log.error('a volume cannot be described', { backend, volume: found.id, error });
      return { backend, id: found.id, sizeBytes: 0, state: 'damaged', neverWritten: false };
    }
  }

  async #describe(found: CinderVolume): Promise<Volume> {
    const { id, size, status: state } = found;
    const ref = { backend: this.name, id };
    const held = await this.#reservations.holderOf(id);
    const holder = held === undefined ? {} : { reservedBy: held.attachment.id };
    const volume = { ...ref, ...holder, sizeBytes: size * GIB, state, neverWritten: false };
    // What its own attachment makes of it speaks against nothing.
    if (held !== undefined && isAttachedState(state)) return volume;
    const refusal = refusalOf(formatVolume(ref), found);
    if (refusal === undefined) return volume;
    const { code, class: errorClass, message, whatToDo, params } = refusal;
    return { ...volume, refusal: { code, class: errorClass, message, whatToDo, params } };
  }
}
