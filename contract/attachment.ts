import type { Role, VolumeRef } from './volume.ts';

/** How a volume is exported and opened: the source of a copy is never writable. */
export type AccessMode = 'ro' | 'rw';

/**
 * Everything acquired for one volume on one host, the unit that is undone.
 * `exported` is missing where createExport's answer was lost: the undo then finds it by id.
 */
export type Attachment = {
  id: string;
  volume: VolumeRef;
  role: Role;
  accessMode: AccessMode;
  /** Who holds it, so that others can be told and orphans can be recognised. */
  owner: Owner;
  exported?: ExportRef;
};

/** The workflow an attachment belongs to. A reset keeps both ids, a new start changes the run id. */
export type Owner = {
  /** Where it runs: another server's workflows are not ours to judge. */
  namespace: string;
  workflowId: string;
  firstRunId: string;
  /** The host it is attached to. */
  hostId: string;
  /** What the copier on that host writes: fenced before either volume is taken from it. */
  destination: VolumeRef;
};

/** What createExport made. The serial is what the host must read back before it writes. */
export type ExportRef = {
  /** Path or IQN: how the export is called at the backend. */
  name: string;
  /**
   * Made from the volume's identity; at most 36 characters (SCSI VPD page 0x80 of tgt). Absent
   * where the storage system does not tell: then target and credentials are what proves the volume.
   */
  serial?: string;
  sizeBytes: number;
  /** The never-written mark as it was before this attachment's first writable export. */
  readsAsZeros: boolean;
  /**
   * Id of the reservation: another one than before says that the volume was free in between, and
   * that nothing known of its bytes holds any more.
   */
  reservation: string;
};

/**
 * Serial of a local file, the same for whoever looks at it with stat(2): the very file, not a path.
 * Of a block device node: its own inode.
 */
export function fileSerial(dev: number | bigint, ino: number | bigint): string {
  return `ino:${dev}:${ino}`;
}

/**
 * What a backend must know of a host to let it in; the keys are os-brick's
 * (os_brick.initiator.connector.get_connector_properties).
 */
export type ConnectorProperties = {
  host: string;
  ip: string;
  platform: string;
  os_type: string;
  multipath: boolean;
  do_local_attach: boolean;
  /** IQN of the host's iSCSI initiator; absent where the host cannot connect iSCSI. */
  initiator?: string;
  /** Connection types this host can connect now. */
  protocols: Protocol[];
  /** Why it cannot connect the others: connection type to sentence. */
  unavailable: Partial<Record<Protocol, string>>;
};

/** What an undo needs to know of a host that may be gone: its name. */
export function nameOnly(host: string): ConnectorProperties {
  return {
    host,
    ip: '',
    platform: '',
    os_type: '',
    multipath: false,
    do_local_attach: false,
    protocols: [],
    unavailable: {},
  };
}

export type Protocol = 'local' | 'iscsi';

/** Data of a `local` connection: a path on the host that owns the storage. */
export type LocalData = {
  device_path: string;
  access_mode: AccessMode;
  encrypted: boolean;
};

/** Data of an `iscsi` connection, keys as Cinder's targets/iscsi.py gives them. */
export type IscsiData = {
  target_portal: string;
  target_iqn: string;
  target_lun: number;
  auth_method: 'CHAP';
  auth_username: string;
  auth_password: string;
  access_mode: AccessMode;
  encrypted: boolean;
};

/** What a host needs to reach an export. */
export type ConnectionInfo =
  { driverVolumeType: 'local'; data: LocalData } | { driverVolumeType: 'iscsi'; data: IscsiData };

/** One field sealed for the way through Temporal: AES-256-GCM, base64. */
export type Sealed = { sealed: string; keyId: string };

/** Connection info as it stands in histories and claims: harmless fields open, others sealed. */
export type SealedConnectionInfo = {
  driverVolumeType: Protocol;
  data: Record<string, string | number | boolean | Sealed>;
};

/** A connected volume as the host sees it. */
export type Device = { path: string; sizeBytes: number; accessMode: AccessMode };

/** What the device itself says it is, read back past everything that was told about it. */
export type DeviceIdentity = { serial: string; sizeBytes: number };
