import { constants } from 'node:fs';
import { mkdir, open, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertUnused } from '../../connectors/device-use.ts';
import { iscsiConnector } from '../../connectors/iscsi/connector.ts';
import type { Device } from '../../contract/attachment.ts';
import { runToolOrThrow } from '../../system/run.ts';
import { holdOpen, MIB, testAttachment, testHost, type TestHost } from './fixtures.ts';
import { startIscsiTarget } from './iscsi-target.ts';

const volume = { backend: 'test', id: 'disk1' };

describe('assertUnused', () => {
  let host: TestHost;
  let file: string;
  /** Run newest first after each test, whatever its outcome. */
  let undo: (() => Promise<unknown>)[];

  beforeEach(async () => {
    host = await testHost();
    undo = [() => host.remove()];
    file = join(host.root, 'volume.raw');
    await writeFile(file, '');
    await truncate(file, 16 * MIB);
  });
  afterEach(async () => {
    for (const step of undo.reverse()) await step();
  });

  const device = (path: string, accessMode: 'ro' | 'rw' = 'rw'): Device => ({
    path,
    sizeBytes: 16 * MIB,
    accessMode,
  });

  async function loopOver(path: string, ...options: string[]): Promise<string> {
    const args = ['--find', '--show', ...options, path];
    const loop = (await runToolOrThrow('losetup', args)).stdout.trim();
    undo.push(() => runToolOrThrow('losetup', ['--detach', loop]));
    return loop;
  }

  const refusal = (because: string) => ({
    code: 'DeviceBusy',
    message: expect.stringContaining(because) as string,
  });

  it('lets a free file and a free block device through', async () => {
    await assertUnused(device(file), volume);
    const loop = await loopOver(file);
    await assertUnused(device(loop), volume);
    await assertUnused(device(loop, 'ro'), volume);
  });

  it('refuses a file under a loop device, also through a symbolic link', async () => {
    const loop = await loopOver(file);
    await expect(assertUnused(device(file), volume)).rejects.toMatchObject(
      refusal(loop.replace('/dev/', '')),
    );
    const alias = join(host.root, 'alias');
    await symlink(file, alias);
    await expect(assertUnused(device(alias), volume)).rejects.toMatchObject(refusal('loop'));
  });

  it('refuses a mounted block device, to write and to read', async () => {
    await runToolOrThrow('mkfs.ext4', ['-q', '-F', file]);
    const loop = await loopOver(file);
    const point = join(host.root, 'with blank');
    await mkdir(point);
    await runToolOrThrow('mount', [loop, point]);
    undo.push(() => runToolOrThrow('umount', [point]));
    const mounted = refusal(`mounted at ${point}`);
    await expect(assertUnused(device(loop), volume)).rejects.toMatchObject(mounted);
    await expect(assertUnused(device(loop, 'ro'), volume)).rejects.toMatchObject(mounted);
  });

  it('refuses a block device under another loop device', async () => {
    const lower = await loopOver(file);
    const upper = await loopOver(lower);
    await expect(assertUnused(device(lower), volume)).rejects.toMatchObject(
      refusal(upper.replace('/dev/', '')),
    );
  });

  it('refuses what another process writes to, and not what it reads', async () => {
    const writer = await holdOpen(file, 'r+');
    const because = `sleep (pid ${writer.pid}) has it open for writing`;
    await expect(assertUnused(device(file), volume)).rejects.toMatchObject(refusal(because));
    await writer.end();
    const reader = await holdOpen(file, 'r');
    await assertUnused(device(file), volume);
    await reader.end();
  });

  it('refuses a claimed block device', async () => {
    const loop = await loopOver(file);
    const held = await open(loop, constants.O_RDONLY | constants.O_EXCL);
    try {
      await expect(assertUnused(device(loop), volume)).rejects.toMatchObject(
        refusal('claimed it exclusively'),
      );
    } finally {
      await held.close();
    }
  });

  it('refuses what cannot be looked at', async () => {
    await expect(assertUnused(device(`${file}.gone`), volume)).rejects.toMatchObject(
      refusal('ENOENT'),
    );
  });

  it('takes its own FUSE export for free until somebody writes to it', async () => {
    const target = await startIscsiTarget(host.root, 16 * MIB);
    undo.push(() => target.tgtd.stop());
    const attachment = testAttachment();
    const connector = iscsiConnector(host.context);
    const connected = await connector.connectVolume(attachment, target.info('rw'));
    undo.push(() => connector.disconnectVolume(attachment, undefined, undefined, true));
    await assertUnused(connected, volume);
    const loop = await loopOver(connected.path);
    await expect(assertUnused(connected, volume)).rejects.toMatchObject(
      refusal(loop.replace('/dev/', '')),
    );
    await expect(
      connector.disconnectVolume(attachment, undefined, connected, false),
    ).rejects.toMatchObject({ code: 'DisconnectFailed' });
  });
});
