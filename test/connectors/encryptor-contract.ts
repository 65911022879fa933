import { describe, expect, it } from 'vitest';
import type { Encryptor } from '../../connectors/encryptor.ts';
import type { Device } from '../../contract/attachment.ts';
import { testAttachment } from './fixtures.ts';

/** An encryptor with a device that it can open, and how to end it. */
export type EncryptorBed = { encryptor: Encryptor; device: Device; close(): Promise<void> };

/** What every encryptor keeps to. */
export function encryptorContract(name: string, open: () => Promise<EncryptorBed>): void {
  async function withBed(use: (bed: EncryptorBed) => Promise<void>): Promise<void> {
    const bed = await open();
    await use(bed).finally(() => bed.close());
  }

  describe(`encryptor ${name}`, () => {
    it('opens a device within the given one and finds it again', () =>
      withBed(async ({ encryptor, device }) => {
        const attachment = testAttachment();
        const opened = await encryptor.attachVolume(attachment, device);
        expect(opened.accessMode).toBe(device.accessMode);
        expect(opened.sizeBytes).toBeGreaterThan(0);
        expect(opened.sizeBytes).toBeLessThan(device.sizeBytes);
        expect(await encryptor.attachVolume(attachment, device)).toEqual(opened);
        expect(await encryptor.detachVolume(attachment)).toBe('done');
      }));

    it('closes once, and what was never open', () =>
      withBed(async ({ encryptor, device }) => {
        const attachment = testAttachment();
        expect(await encryptor.detachVolume(attachment)).toBe('alreadyGone');
        await encryptor.attachVolume(attachment, device);
        expect(await encryptor.detachVolume(attachment)).toBe('done');
        expect(await encryptor.detachVolume(attachment)).toBe('alreadyGone');
      }));

    it('keeps attachments apart', () =>
      withBed(async ({ encryptor, device }) => {
        const [one, other] = [testAttachment(), testAttachment()];
        await encryptor.attachVolume(one, device);
        expect(await encryptor.detachVolume(other)).toBe('alreadyGone');
        expect(await encryptor.detachVolume(one)).toBe('done');
      }));
  });
}
