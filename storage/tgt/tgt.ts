import { join } from 'node:path';
import type {
  Attachment,
  ConnectionInfo,
  ConnectorProperties,
  ExportRef,
} from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import { iqnOf } from '../../contract/ids.ts';
import type { ExportView } from '../../contract/inspection.ts';
import type { Sighting } from '../../contract/leaks.ts';
import type { Undone, Volume, VolumeRef } from '../../contract/volume.ts';
import type { TgtBackendConfig } from '../../system/config/schema.ts';
import type { Backend, BackendFacts } from '../backend.ts';
import type { BackendContext } from '../context.ts';
import { initiatorOf } from '../initiator.ts';
import { VolumeRoot } from '../volume-root/volume-root.ts';
import { checkSize } from '../volume-root/volumes.ts';
import { volumeSerial } from './export-record.ts';
import { Exports } from './exports.ts';
import { ManagedTgtd } from './managed-tgtd.ts';
import { LUN } from './target.ts';
import { Tgtadm } from './tgtadm.ts';
import { Watch } from './watch.ts';

/** iSCSI targets with CHAP, one an attachment, over raw files or existing block devices. */
export class TgtBackend implements Backend {
  readonly facts: BackendFacts;
  readonly #root: VolumeRoot;
  readonly #tgtadm: Tgtadm;
  readonly #exports: Exports;
  readonly #tgtd: ManagedTgtd | undefined;
  readonly #watch: Watch;

  /** @throws BadOption for a path that tgtadm cannot be told */
  constructor(
    name: string,
    readonly config: TgtBackendConfig,
    context: BackendContext,
  ) {
    this.facts = { name, hostBound: true, canRevoke: true };
    for (const path of [config.root, ...Object.values(config.devices)]) {
      if (!path.includes(',')) continue;
      const because = `tgtadm cannot be told a path with a comma: ${path}`;
      throw new DrayError('BadOption', { option: `backends.${name}`, because });
    }
    this.#root = new VolumeRoot(config.root, name, context, config.devices);
    this.#tgtadm = new Tgtadm(name, config.controlPort, context);
    this.#exports = new Exports(config.root, this.#tgtadm, context);
    this.#tgtd = config.managed
      ? new ManagedTgtd(join(config.root, 'tgtd'), config.portal, this.#tgtadm, context)
      : undefined;
    this.#watch = new Watch(() => this.#look(), context.log.warn);
  }

  /** Whether or not tgtd answers yet: the watch goes on until it does. */
  async open(): Promise<void> {
    await this.#root.open();
    await this.#exports.open();
    await this.#tgtd?.ensure();
    this.#watch.start();
  }

  async check(): Promise<void> {
    await this.#root.uuid();
    await this.#tgtadm.targets();
  }

  async close(): Promise<void> {
    await this.#watch.stop();
    if (await this.#exports.isEmpty()) await this.#tgtd?.stopIfIdle();
  }

  async #look(): Promise<void> {
    await this.#root.uuid();
    await this.#tgtd?.ensure();
    await this.#exports.restoreMissing();
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
    initiatorOf(properties);
    // tgt would cut the rest off.
    checkSize((await this.#root.get(attachment.volume)).sizeBytes);
    const held = await this.#root.hold(attachment, takesOver);
    const { path, sizeBytes, readsAsZeros, reservation } = held;
    const { id: attachmentId, volume, accessMode } = attachment;
    const serial = volumeSerial(await this.#root.uuid(), volume.id);
    await this.#exports.create({ attachmentId, volumeId: volume.id, path, serial, accessMode });
    return { name: iqnOf(attachmentId), serial, sizeBytes, readsAsZeros, reservation };
  }

  async initializeConnection(
    attachment: Attachment,
    properties: ConnectorProperties,
  ): Promise<ConnectionInfo> {
    const initiator = initiatorOf(properties);
    await this.#root.heldBy(attachment);
    const { user, password } = await this.#exports.grant(attachment, initiator);
    return {
      driverVolumeType: 'iscsi',
      data: {
        target_portal: this.config.portal,
        target_iqn: iqnOf(attachment.id),
        target_lun: LUN,
        auth_method: 'CHAP',
        auth_username: user,
        auth_password: password,
        access_mode: attachment.accessMode,
        encrypted: false,
      },
    };
  }

  async completeConnection(): Promise<void> {
    // Nothing waits for it.
  }

  async revokeAccess(attachment: Attachment): Promise<'revoked'> {
    await this.#root.uuid();
    await this.#exports.revoke(attachment.id);
    return 'revoked';
  }

  async terminateConnection(
    attachment: Attachment,
    _properties: ConnectorProperties,
    force: boolean,
  ): Promise<Undone> {
    await this.#root.uuid();
    return this.#exports.close(attachment.id, force);
  }

  async removeExport(attachment: Attachment, keepReservation = false): Promise<Undone> {
    await this.#root.uuid();
    const removed = await this.#exports.remove(attachment.id);
    if (keepReservation) return removed;
    const released = await this.#root.release(attachment);
    return removed === 'done' ? 'done' : released;
  }

  async inspectExport({ id, volume }: Attachment): Promise<ExportView> {
    const { reservedBy } = await this.#root.get(volume);
    const holder = reservedBy === undefined ? {} : { reservedBy };
    const target = await this.#exports.target(id);
    const sessions = (target?.sessions ?? []).map(({ initiator }) => initiator);
    return { ...holder, exported: target !== undefined, sessions };
  }

  listReservations(): Promise<Attachment[]> {
    return this.#root.reservations();
  }

  async survey(): Promise<Sighting[]> {
    const { root, devices } = this.config;
    const paths = Object.values(devices);
    const held = await this.#root.survey(paths);
    return [...held, ...(await this.#exports.survey([join(root, 'volumes'), ...paths]))];
  }
}
