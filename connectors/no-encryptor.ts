import { DrayError } from '../contract/errors.ts';
import { formatVolume } from '../contract/volume.ts';
import type { Encryptor } from './encryptor.ts';

/** For a host that cannot open encrypted volumes: refuses to, and has nothing to close. */
export function noEncryptor(): Encryptor {
  return {
    attachVolume(attachment) {
      const volume = formatVolume(attachment.volume);
      return Promise.reject(new DrayError('EncryptionUnsupported', { volume }));
    },
    detachVolume: () => Promise.resolve('alreadyGone'),
  };
}
