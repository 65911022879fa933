import { mkdir, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileSerial, type Attachment, type ConnectionInfo } from '../../contract/attachment.ts';
import { localConnector } from '../../connectors/local.ts';
import { runToolOrThrow } from '../../system/run.ts';
import { connectorContract } from './connector-contract.ts';
import { leftovers, MIB, testAttachment, testHost, type TestHost } from './fixtures.ts';

const SIZE = 8 * MIB;

const infoOf =
  (path: string) =>
  (attachment: Attachment): ConnectionInfo => ({
    driverVolumeType: 'local',
    data: { device_path: path, access_mode: attachment.accessMode, encrypted: false },
  });

async function makeVolume(root: string): Promise<string> {
  const path = join(root, 'volume.raw');
  await writeFile(path, '');
  await truncate(path, SIZE);
  return path;
}

connectorContract('local', async () => {
  const host = await testHost();
  const path = await makeVolume(host.root);
  const { dev, ino } = await stat(path, { bigint: true });
  return {
    connector: localConnector(),
    successor: localConnector(),
    info: infoOf(path),
    serial: fileSerial(dev, ino),
    sizeBytes: SIZE,
    storageFile: path,
    root: host.root,
    leftovers: () => leftovers(host.root),
    close: () => host.remove(),
  };
});

describe('a local path', () => {
  const connector = localConnector();
  const attachment = testAttachment();
  let host: TestHost;
  let path: string;
  beforeEach(async () => {
    host = await testHost();
    path = await makeVolume(host.root);
  });
  afterEach(() => host.remove());

  it('of a block device has the size of the device', async () => {
    const args = ['--find', '--show', '--sizelimit', String(5 * MIB), path];
    const loop = (await runToolOrThrow('losetup', args)).stdout.trim();
    try {
      const device = await connector.connectVolume(attachment, infoOf(loop)(attachment));
      expect(device.sizeBytes).toBe(5 * MIB);
      const identity = await connector.identify(attachment, infoOf(loop)(attachment), device);
      const { dev, ino } = await stat(loop, { bigint: true });
      expect(identity).toEqual({ serial: fileSerial(dev, ino), sizeBytes: 5 * MIB });
      const undone = connector.disconnectVolume(attachment, undefined, device, false);
      expect(await undone).toBe('done');
    } finally {
      await runToolOrThrow('losetup', ['--detach', loop]);
    }
  });

  it('shows another serial once another file has its name', async () => {
    const info = infoOf(path)(attachment);
    const device = await connector.connectVolume(attachment, info);
    const before = await connector.identify(attachment, info, device);
    await rename(path, `${path}.old`);
    await makeVolume(host.root);
    expect(await connector.identify(attachment, info, device)).not.toEqual(before);
  });

  it('that is gone cannot be connected and counts as disconnected', async () => {
    const info = infoOf(`${path}.gone`)(attachment);
    await expect(connector.connectVolume(attachment, info)).rejects.toMatchObject({
      code: 'WrongDevice',
    });
    const undone = connector.disconnectVolume(attachment, info, undefined, false);
    expect(await undone).toBe('alreadyGone');
  });

  it('of a directory is refused', async () => {
    const folder = join(host.root, 'folder');
    await mkdir(folder);
    const connecting = connector.connectVolume(attachment, infoOf(folder)(attachment));
    await expect(connecting).rejects.toMatchObject({ code: 'WrongDevice' });
  });
});
