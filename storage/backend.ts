import type {
  Attachment,
  ConnectionInfo,
  ConnectorProperties,
  ExportRef,
} from '../contract/attachment.ts';
import type { ExportView } from '../contract/inspection.ts';
import type { Sighting } from '../contract/leaks.ts';
import type { Undone, Volume, VolumeRef } from '../contract/volume.ts';

/** What is fixed for a backend, whatever the volume. */
export type BackendFacts = {
  name: string;
  /** Host-bound storage is served by one host's worker only. */
  hostBound: boolean;
  /** Whether revokeAccess can prove that a host writes no more. */
  canRevoke: boolean;
};

/**
 * A storage system that owns volumes and exports them; verbs and meaning are Cinder's
 * (cinder/volume/manager.py). Every call may be repeated: a repeat finds what the first one made.
 * Every undo accepts that its step never happened and answers `alreadyGone`.
 * Everything throws DrayError.
 */
export interface Backend {
  readonly facts: BackendFacts;

  /** @throws VolumeExists, BadSize, StorageFull */
  createVolume(id: string, sizeBytes: number): Promise<Volume>;
  /** @throws DeleteReserved */
  deleteVolume(volume: VolumeRef): Promise<Undone>;
  /** @throws VolumeNotFound */
  getVolume(volume: VolumeRef): Promise<Volume>;
  listVolumes(): Promise<Volume[]>;
  /** Puts back a state that was found earlier; nothing where connecting changes no state. */
  setVolumeState(volume: VolumeRef, state: string): Promise<Undone>;

  /**
   * Reserves the volume for the attachment, atomically and durably, then exports it.
   * Clears the never-written mark durably before a first writable export. `takesOver`: id of the
   * attachment whose reservation becomes this one's, with its id, atomically.
   * @throws VolumeBusy with the holder, VolumeNotFound, ProtocolUnavailable, BackendUnavailable
   */
  createExport(
    attachment: Attachment,
    properties: ConnectorProperties,
    takesOver?: string,
  ): Promise<ExportRef>;
  /** Lets the host in, with credentials of this attachment alone. */
  initializeConnection(
    attachment: Attachment,
    properties: ConnectorProperties,
  ): Promise<ConnectionInfo>;
  /** Cinder's os-complete; nothing elsewhere. */
  completeConnection(attachment: Attachment): Promise<void>;
  /** Takes ACL and account away, cuts the live sessions and proves that none is left. */
  revokeAccess(
    attachment: Attachment,
    properties: ConnectorProperties,
  ): Promise<'revoked' | 'cannot'>;
  /**
   * Takes the host's access back. Without `force` a live session is an error, since an export
   * removed under a live device is how one volume's data ends up in another (CVE-2023-2088).
   * @throws SessionsRemain
   */
  terminateConnection(
    attachment: Attachment,
    properties: ConnectorProperties,
    force: boolean,
  ): Promise<Undone>;
  /** Removes the export, then the reservation unless that is kept for whoever takes it over. */
  removeExport(attachment: Attachment, keepReservation?: boolean): Promise<Undone>;

  /** What there is of an attachment right now, as the storage itself says. Changes nothing. */
  inspectExport(attachment: Attachment): Promise<ExportView>;

  /** Attachments that hold a reservation here: what the release watch compares with workflows. */
  listReservations(): Promise<Attachment[]>;

  /**
   * What attachments have of it, as written down and as the storage itself tells, and what others
   * have there that keeps a volume from being let go. Changes nothing.
   */
  survey(): Promise<Sighting[]>;

  /**
   * Starts what the backend needs while a worker serves it, for example the watch over its
   * exports. @throws ForeignRoot, BackendUnavailable
   */
  open(): Promise<void>;
  /**
   * Whether the storage answers now. Changes nothing.
   * @throws ForeignRoot, StateDamaged, BackendUnavailable, ToolMissing
   */
  check(): Promise<void>;
  /** Ends the watch. What still serves an export is left running. */
  close(): Promise<void>;
}
