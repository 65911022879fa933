import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attachment, ConnectionInfo } from '../../contract/attachment.ts';
import type { Connector } from '../../connectors/connector.ts';
import { runToolOrThrow } from '../../system/run.ts';
import { MIB, testAttachment } from './fixtures.ts';

/** One connector with one volume to connect. */
export type ConnectorBed = {
  connector: Connector;
  /** A second one on the same host, as another worker would have it. */
  successor: Connector;
  info(attachment: Attachment): ConnectionInfo;
  serial: string;
  sizeBytes: number;
  /** The volume's bytes as its storage has them. */
  storageFile: string;
  root: string;
  /** What the host still has of any attachment. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
};

/** What every connector keeps to. */
export function connectorContract(name: string, open: () => Promise<ConnectorBed>): void {
  describe(`connector ${name}`, () => {
    let bed: ConnectorBed;
    beforeAll(async () => {
      bed = await open();
    });
    afterAll(() => bed.close());

    const connect = (attachment: Attachment, connector = bed.connector) =>
      connector.connectVolume(attachment, bed.info(attachment));
    const disconnect = (attachment: Attachment, connector = bed.connector) =>
      connector.disconnectVolume(attachment, bed.info(attachment), undefined, false);

    it('is available here', async () => {
      expect(await bed.connector.unavailable()).toBeUndefined();
    });

    it('gives a device of the right size, and the same one when repeated', async () => {
      const attachment = testAttachment();
      const device = await connect(attachment);
      expect(device).toMatchObject({ sizeBytes: bed.sizeBytes, accessMode: 'rw' });
      expect(await connect(attachment)).toEqual(device);
      expect(await disconnect(attachment)).toBe('done');
    });

    it('says what the device itself says it is', async () => {
      const attachment = testAttachment('ro');
      const device = await connect(attachment);
      const identity = await bed.connector.identify(attachment, bed.info(attachment), device);
      expect(identity).toEqual({ serial: bed.serial, sizeBytes: bed.sizeBytes });
      await disconnect(attachment);
    });

    it('carries bytes to the storage and back', async () => {
      const attachment = testAttachment();
      const device = await connect(attachment);
      const sample = join(bed.root, 'sample');
      await writeFile(sample, randomBytes(MIB));
      const write = [`if=${sample}`, `of=${device.path}`, 'bs=1M', 'seek=3', 'conv=notrunc'];
      await runToolOrThrow('dd', [...write, 'oflag=direct']);
      await disconnect(attachment);
      const stored = (await readFile(bed.storageFile)).subarray(3 * MIB, 4 * MIB);
      expect(stored.equals(await readFile(sample))).toBe(true);

      const source = { ...testAttachment('ro') };
      const again = await connect(source);
      const back = join(bed.root, 'back');
      const read = [`if=${again.path}`, `of=${back}`, 'bs=1M', 'skip=3', 'count=1'];
      await runToolOrThrow('dd', [...read, 'iflag=direct']);
      expect((await readFile(back)).equals(stored)).toBe(true);
      await disconnect(source);
    });

    it('is found by a second connector, as after a crash of the first', async () => {
      const attachment = testAttachment();
      const device = await connect(attachment);
      expect(await connect(attachment, bed.successor)).toEqual(device);
      expect(await disconnect(attachment, bed.successor)).toBe('done');
    });

    it('leaves nothing, and connects anew under the same attachment', async () => {
      const attachment = testAttachment();
      await connect(attachment);
      await disconnect(attachment);
      expect(await bed.leftovers()).toEqual([]);
      expect(['done', 'alreadyGone']).toContain(await disconnect(attachment));
      await connect(attachment);
      await disconnect(attachment);
      expect(await bed.leftovers()).toEqual([]);
    });

    it('takes back what never was', async () => {
      const attachment = testAttachment();
      const undone = bed.connector.disconnectVolume(attachment, undefined, undefined, false);
      expect(await undone).toBe('alreadyGone');
      expect(await bed.leftovers()).toEqual([]);
    });

    it('refuses the connection info of another protocol', async () => {
      const attachment = testAttachment();
      const info = bed.info(attachment);
      const other = {
        driverVolumeType: info.driverVolumeType === 'local' ? 'iscsi' : 'local',
        data: info.data,
      } as ConnectionInfo;
      await expect(bed.connector.connectVolume(attachment, other)).rejects.toMatchObject({
        code: 'ProtocolUnavailable',
      });
    });
  });
}
