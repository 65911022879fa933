import type { Encryptor } from '../../connectors/encryptor.ts';
import type { Attachment, Device } from '../../contract/attachment.ts';

/** An encryptor in memory: opens nothing, and remembers what is open. */
export type EncryptorDouble = Encryptor & {
  /** Attachment ids that are open now. */
  readonly open: ReadonlyMap<string, Device>;
  /** What was done, oldest first, for example `attach copy.x`. */
  readonly calls: readonly string[];
};

/** LUKS2's default header: the opened device is smaller by this. Unit: bytes. */
const HEADER_BYTES = 16 * 1024 * 1024;

/** @param path where the opened device is said to be; default: the device itself */
export function encryptorDouble(
  path: (device: Device) => string = (device) => device.path,
): EncryptorDouble {
  const open = new Map<string, Device>();
  const calls: string[] = [];
  return {
    open,
    calls,
    attachVolume(attachment: Attachment, device: Device) {
      calls.push(`attach ${attachment.id}`);
      const sizeBytes = device.sizeBytes - HEADER_BYTES;
      const opened = open.get(attachment.id) ?? { ...device, path: path(device), sizeBytes };
      open.set(attachment.id, opened);
      return Promise.resolve(opened);
    },
    detachVolume(attachment: Attachment) {
      calls.push(`detach ${attachment.id}`);
      return Promise.resolve(open.delete(attachment.id) ? 'done' : 'alreadyGone');
    },
  };
}
