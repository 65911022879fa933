import type { Attachment, Device } from '../contract/attachment.ts';
import type { Undone } from '../contract/volume.ts';

/** Opens and closes the encryption on an attached device (os_brick.encryptors). */
export interface Encryptor {
  /** The device to copy through; repeating it finds the open one. @throws KeyMissing */
  attachVolume(attachment: Attachment, device: Device): Promise<Device>;
  detachVolume(attachment: Attachment): Promise<Undone>;
}
