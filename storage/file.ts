import {
  fileSerial,
  type Attachment,
  type ConnectionInfo,
  type ConnectorProperties,
  type ExportRef,
} from '../contract/attachment.ts';
import { DrayError } from '../contract/errors.ts';
import type { ExportView } from '../contract/inspection.ts';
import type { Sighting } from '../contract/leaks.ts';
import type { Undone, Volume, VolumeRef } from '../contract/volume.ts';
import type { FileBackendConfig } from '../system/config/schema.ts';
import type { Backend, BackendFacts } from './backend.ts';
import type { BackendContext } from './context.ts';
import { lookAtRaw } from './volume-root/raw-file.ts';
import { VolumeRoot } from './volume-root/volume-root.ts';

/**
 * A directory of raw volumes, reached by path on the very host that has it. An export is nothing
 * but the reservation; access to a local file cannot be taken back.
 */
export class FileBackend implements Backend {
  readonly facts: BackendFacts;
  readonly #root: VolumeRoot;
  readonly #host: string;

  constructor(name: string, config: FileBackendConfig, context: BackendContext) {
    this.facts = { name, hostBound: true, canRevoke: false };
    this.#host = config.host ?? context.hostId;
    this.#root = new VolumeRoot(config.root, name, context);
  }

  async open(): Promise<void> {
    await this.#root.open();
  }

  async check(): Promise<void> {
    await this.#root.uuid();
  }

  async close(): Promise<void> {
    // Nothing runs for this backend.
  }

  createVolume(id: string, sizeBytes: number): Promise<Volume> {
    return this.#root.create(id, sizeBytes);
  }

  deleteVolume(volume: VolumeRef): Promise<Undone> {
    return this.#root.delete(volume);
  }

  getVolume(volume: VolumeRef): Promise<Volume> {
    return this.#root.get(volume);
  }

  listVolumes(): Promise<Volume[]> {
    return this.#root.list();
  }

  setVolumeState(): Promise<Undone> {
    return Promise.resolve('alreadyGone');
  }

  async createExport(
    attachment: Attachment,
    properties: ConnectorProperties,
    takesOver?: string,
  ): Promise<ExportRef> {
    this.#checkHost(properties);
    const held = await this.#root.hold(attachment, takesOver);
    const { path, sizeBytes, readsAsZeros, reservation } = held;
    const file = await lookAtRaw(path);
    if (file === undefined) {
      const { backend, id } = attachment.volume;
      throw new DrayError('VolumeNotFound', { volume: `${backend}:${id}`, backend });
    }
    const serial = fileSerial(file.dev, file.ino);
    return { name: path, serial, sizeBytes, readsAsZeros, reservation };
  }

  async initializeConnection(
    attachment: Attachment,
    properties: ConnectorProperties,
  ): Promise<ConnectionInfo> {
    this.#checkHost(properties);
    const { path } = await this.#root.heldBy(attachment);
    const { accessMode } = attachment;
    return {
      driverVolumeType: 'local',
      data: { device_path: path, access_mode: accessMode, encrypted: false },
    };
  }

  async completeConnection(): Promise<void> {
    // Nothing waits for it.
  }

  revokeAccess(): Promise<'cannot'> {
    return Promise.resolve('cannot');
  }

  terminateConnection(): Promise<Undone> {
    return Promise.resolve('alreadyGone');
  }

  removeExport(attachment: Attachment, keepReservation = false): Promise<Undone> {
    return keepReservation ? Promise.resolve('alreadyGone') : this.#root.release(attachment);
  }

  async inspectExport({ id, volume }: Attachment): Promise<ExportView> {
    const { reservedBy } = await this.#root.get(volume);
    const holder = reservedBy === undefined ? {} : { reservedBy };
    return { ...holder, exported: reservedBy === id, sessions: [] };
  }

  listReservations(): Promise<Attachment[]> {
    return this.#root.reservations();
  }

  survey(): Promise<Sighting[]> {
    return this.#root.survey();
  }

  #checkHost(properties: ConnectorProperties): void {
    if (properties.host === this.#host) return;
    throw new DrayError('ProtocolUnavailable', {
      host: properties.host,
      protocol: 'local',
      because: `the files are on ${this.#host}`,
    });
  }
}
