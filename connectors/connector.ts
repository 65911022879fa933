import type {
  Attachment,
  ConnectionInfo,
  Device,
  DeviceIdentity,
  Protocol,
} from '../contract/attachment.ts';
import type { Undone } from '../contract/volume.ts';

/** Turns connection info into a device on this host (os-brick's InitiatorConnector). */
export interface Connector {
  readonly protocol: Protocol;

  /** Why this host cannot connect; undefined when it can. Changes nothing. */
  unavailable(): Promise<string | undefined>;

  /**
   * May be repeated: a device that is connected and alive is found again, a dead one is replaced.
   * @throws TargetUnreachable, LoginRefused, ToolMissing, ProtocolUnavailable, WrongDevice,
   * DisconnectFailed when a device to be replaced still has a user, WorkerSuperseded
   */
  connectVolume(attachment: Attachment, info: ConnectionInfo): Promise<Device>;

  /**
   * What the device itself answers: serial and size, read past what connectVolume was told.
   * @throws WrongDevice, TargetUnreachable, LoginRefused
   */
  identify(attachment: Attachment, info: ConnectionInfo, device: Device): Promise<DeviceIdentity>;

  /**
   * Flushes, then takes the device away; finds it by the attachment alone after a crash.
   * `force` goes on past a failed flush, for a device that is lost.
   * @throws DisconnectFailed, WorkerSuperseded
   */
  disconnectVolume(
    attachment: Attachment,
    info: ConnectionInfo | undefined,
    device: Device | undefined,
    force: boolean,
  ): Promise<Undone>;
}
