import { describe, expect, it } from 'vitest';
import { noEncryptor } from '../../connectors/no-encryptor.ts';
import type { Device } from '../../contract/attachment.ts';
import { encryptorContract } from './encryptor-contract.ts';
import { encryptorDouble } from './encryptor-double.ts';
import { MIB, testAttachment } from './fixtures.ts';

const device: Device = { path: '/dev/null', sizeBytes: 64 * MIB, accessMode: 'rw' };

encryptorContract('double', () =>
  Promise.resolve({ encryptor: encryptorDouble(), device, close: () => Promise.resolve() }),
);

describe('no encryptor', () => {
  it('refuses an encrypted volume by name and has nothing to close', async () => {
    const attachment = testAttachment();
    await expect(noEncryptor().attachVolume(attachment, device)).rejects.toMatchObject({
      code: 'EncryptionUnsupported',
      message: expect.stringContaining('test:disk1') as string,
    });
    expect(await noEncryptor().detachVolume(attachment)).toBe('alreadyGone');
  });
});
