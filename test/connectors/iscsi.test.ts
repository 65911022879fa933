import { execa } from 'execa';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { flushDevice } from '../../connectors/flush.ts';
import { iscsiConnector, type IscsiContext } from '../../connectors/iscsi/connector.ts';
import { isMountPoint } from '../../connectors/mounts.ts';
import type { Attachment, ConnectionInfo } from '../../contract/attachment.ts';
import { endProcess, findProcesses, type ProcessId } from '../../system/processes.ts';
import { runTool } from '../../system/run.ts';
import { holdOpen, leftovers, MIB, testAttachment, testHost, type TestHost } from './fixtures.ts';
import { startIscsiTarget, type IscsiTarget } from './iscsi-target.ts';

describe('userspace iSCSI', () => {
  let host: TestHost;
  let target: IscsiTarget;
  beforeEach(async () => {
    host = await testHost();
    target = await startIscsiTarget(host.root, 16 * MIB);
  });
  afterEach(async () => {
    // Whatever a test did, nothing may be left once its attachments are gone.
    const left = [...(await leftovers(host.root)), ...(await readdir(attachments()))];
    await target.tgtd.stop();
    await host.remove();
    expect(left).toEqual([]);
  });

  const attachments = (): string => host.context.attachmentsDir;
  const infoOf = (attachment: Attachment): ConnectionInfo => target.info(attachment.accessMode);

  /** The context of a worker that takes the host over with this epoch. */
  function contextOf(number: number): IscsiContext {
    writeFileSync(host.context.epoch.file, `${number}\n`);
    return { ...host.context, epoch: { ...host.context.epoch, number } };
  }

  async function daemonOf(devicePath: string): Promise<ProcessId> {
    const found = await findProcesses('qemu-storage-daemon', devicePath);
    expect(found).toHaveLength(1);
    return found[0]!;
  }

  it('reports a wrong secret without telling it', async () => {
    const attachment = testAttachment();
    const info = target.info('rw');
    const wrong = { ...info, data: { ...info.data, auth_password: 'not-the-right-one' } };
    const error: unknown = await iscsiConnector(host.context)
      .connectVolume(attachment, wrong)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'LoginRefused', class: 'operator' });
    expect((error as Error).message).toContain('Authentication failure');
    const told = `${JSON.stringify(error)} ${(error as Error).stack}`;
    expect(told).not.toContain('not-the-right-one');
  });

  it('reports a target that is away, and one that does not know the name', async () => {
    const attachment = testAttachment();
    const info = target.info('rw');
    const connector = iscsiConnector(host.context);
    const unknown = { ...info, data: { ...info.data, target_iqn: 'iqn.2026-11.io.drayage:no' } };
    await expect(connector.connectVolume(attachment, unknown)).rejects.toMatchObject({
      code: 'ExportLost',
      message: expect.stringContaining('Target not found') as string,
    });
    await target.tgtd.kill();
    await expect(connector.connectVolume(attachment, info)).rejects.toMatchObject({
      code: 'TargetUnreachable',
      message: expect.stringContaining(target.tgtd.portal) as string,
    });
  });

  it('keeps the secret out of command lines, environments, files and logs', async () => {
    const attachment = testAttachment();
    const connector = iscsiConnector(host.context);
    const device = await connector.connectVolume(attachment, infoOf(attachment));
    const { pid } = await daemonOf(device.path);
    const secret = target.secret;
    for (const name of ['cmdline', 'environ', 'fd/3']) {
      expect(await readFile(`/proc/${pid}/${name}`, 'latin1'), name).not.toContain(secret);
    }
    const found = await runTool('grep', ['--recursive', '--devices=skip', secret, attachments()]);
    expect(found.stdout).toBe('');
    expect((await readdir(join(attachments(), (await readdir(attachments()))[0]!))).sort()).toEqual(
      ['device', 'log', 'qmp.sock'],
    );
    await connector.disconnectVolume(attachment, undefined, undefined, false);
  });

  it('leaves nothing that cannot be found, whenever a worker dies in the middle', async () => {
    const attachment = testAttachment();
    const info = infoOf(attachment);
    for (const [round, milliseconds] of [0, 15, 30, 45, 60, 90, 150].entries()) {
      const argument = JSON.stringify({ context: contextOf(2 * round + 1), attachment, info });
      const argv = ['--import', 'tsx', 'test/connectors/connect-once.ts'];
      const worker = execa('node', argv, {
        env: { TMPDIR: host.root },
        input: argument,
        reject: false,
        buffer: false,
      });
      await once(worker.stdout, 'data');
      await sleep(milliseconds);
      worker.kill('SIGKILL');
      await worker;
      const successor = iscsiConnector(contextOf(2 * round + 2));
      const device = await successor.connectVolume(attachment, info);
      const { pid } = await daemonOf(device.path);
      expect(await readFile(`/proc/${pid}/fd/3`, 'latin1')).toBe('');
      expect(await successor.disconnectVolume(attachment, undefined, undefined, false)).toBe(
        'done',
      );
      expect(await leftovers(host.root)).toEqual([]);
    }
  });

  it('keeps the daemon of a worker that died', async () => {
    const attachment = testAttachment();
    const first = iscsiConnector(host.context);
    const device = await first.connectVolume(attachment, infoOf(attachment));
    const before = await daemonOf(device.path);
    await writeFile(host.context.epoch.file, '2\n');
    const epoch = { ...host.context.epoch, number: 2 };
    const successor = iscsiConnector({ ...host.context, epoch });
    expect(await successor.connectVolume(attachment, infoOf(attachment))).toEqual(device);
    expect(await daemonOf(device.path)).toEqual(before);

    const stale = first.disconnectVolume(attachment, undefined, undefined, false);
    await expect(stale).rejects.toMatchObject({ code: 'WorkerSuperseded' });
    expect(await daemonOf(device.path)).toEqual(before);
    await successor.disconnectVolume(attachment, undefined, undefined, false);
  });

  it('starts nothing for a worker that was superseded', async () => {
    const attachment = testAttachment();
    await writeFile(host.context.epoch.file, '2\n');
    const stale = iscsiConnector(host.context).connectVolume(attachment, infoOf(attachment));
    await expect(stale).rejects.toMatchObject({ code: 'WorkerSuperseded' });
    expect(await readdir(attachments())).toEqual([]);
  });

  it('replaces a daemon that was killed, under the same attachment', async () => {
    const attachment = testAttachment();
    const connector = iscsiConnector(host.context);
    const device = await connector.connectVolume(attachment, infoOf(attachment));
    const before = await daemonOf(device.path);
    await endProcess(before, 'SIGKILL', 5);
    expect((await runTool('stat', [device.path])).stderr).toContain('not connected');
    expect(await isMountPoint(device.path)).toBe(true);

    expect(await connector.connectVolume(attachment, infoOf(attachment))).toEqual(device);
    expect((await daemonOf(device.path)).pid).not.toBe(before.pid);
    await endProcess(await daemonOf(device.path), 'SIGKILL', 5);
    const undone = connector.disconnectVolume(attachment, undefined, undefined, false);
    expect(await undone).toBe('done');
    expect(await connector.disconnectVolume(attachment, undefined, undefined, false)).toBe(
      'alreadyGone',
    );
  });

  it('replaces a daemon that logged in with other credentials', async () => {
    const attachment = testAttachment();
    const connector = iscsiConnector(host.context);
    const device = await connector.connectVolume(attachment, infoOf(attachment));
    const before = await daemonOf(device.path);
    const next = iscsiConnector({ ...host.context, initiator: 'iqn.2026-11.io.drayage:other' });
    await next.connectVolume(attachment, infoOf(attachment));
    expect((await daemonOf(device.path)).pid).not.toBe(before.pid);
    await next.disconnectVolume(attachment, undefined, undefined, false);
  });

  it('clears away a half-made directory', async () => {
    const attachment = testAttachment();
    const connector = iscsiConnector(host.context);
    const device = await connector.connectVolume(attachment, infoOf(attachment));
    await connector.disconnectVolume(attachment, undefined, undefined, false);
    const root = join(device.path, '..');
    await mkdir(root);
    await writeFile(join(root, 'secret'), '');
    await connector.connectVolume(attachment, infoOf(attachment));
    await connector.disconnectVolume(attachment, undefined, undefined, false);
  });

  it('goes on by itself when its target was killed and is back', async () => {
    const attachment = testAttachment();
    const connector = iscsiConnector(host.context);
    const device = await connector.connectVolume(attachment, infoOf(attachment));
    const before = await daemonOf(device.path);
    const write = ['if=/dev/urandom', `of=${device.path}`, 'bs=64K', 'count=256', 'oflag=direct'];
    await target.tgtd.kill();
    const dd = execa('dd', [...write, 'conv=notrunc,fdatasync'], { reject: false });
    await sleep(500);
    expect(dd.exitCode).toBeNull();
    await target.tgtd.restart();
    // Until its exports are restored it answers "Target not found", which must not end the daemon.
    await sleep(2000);
    await target.restore();
    expect((await dd).exitCode).toBe(0);
    expect(await daemonOf(device.path)).toEqual(before);
    await connector.disconnectVolume(attachment, undefined, undefined, false);
  });

  it('does not take the device away while its target hangs, unless forced', async () => {
    const attachment = testAttachment();
    const connector = iscsiConnector(host.context);
    const device = await connector.connectVolume(attachment, infoOf(attachment));
    await target.tgtd.kill();
    const write = ['if=/dev/urandom', `of=${device.path}`, 'bs=64K', 'count=1', 'oflag=direct'];
    const dd = execa('dd', [...write, 'conv=notrunc'], { reject: false });
    await sleep(300);
    await expect(flushDevice(device.path, 1)).rejects.toMatchObject({ code: 'ToolFailed' });
    const undo = (force: boolean) =>
      connector.disconnectVolume(attachment, infoOf(attachment), device, force);
    await expect(undo(false)).rejects.toMatchObject({ code: 'DisconnectFailed' });
    expect(await isMountPoint(device.path)).toBe(true);
    expect(dd.exitCode).toBeNull();
    expect(await undo(true)).toBe('done');
    expect((await dd).exitCode).toBe(1);
  });

  it('does not pull the device from under a living user', async () => {
    const attachment = testAttachment();
    const connector = iscsiConnector(host.context);
    const device = await connector.connectVolume(attachment, infoOf(attachment));
    const user = await holdOpen(device.path, 'r');
    const undo = () => connector.disconnectVolume(attachment, undefined, device, false);
    await expect(undo()).rejects.toMatchObject({
      code: 'DisconnectFailed',
      message: expect.stringContaining(`sleep (pid ${user.pid})`) as string,
    });
    expect((await runTool('stat', [device.path])).status).toBe(0);
    await user.end();
    expect(await undo()).toBe('done');
  });

  it('refuses writes to a source', async () => {
    const attachment = testAttachment('ro');
    const connector = iscsiConnector(host.context);
    const device = await connector.connectVolume(attachment, infoOf(attachment));
    const write = [
      'if=/dev/urandom',
      `of=${device.path}`,
      'bs=4K',
      'count=1',
      'conv=notrunc,fsync',
    ];
    expect((await runTool('dd', write)).status).not.toBe(0);
    const stored = await readFile(target.file);
    expect(stored.equals(Buffer.alloc(16 * MIB))).toBe(true);
    await connector.disconnectVolume(attachment, undefined, undefined, false);
  });

  it('sees that the mounted device is not the unit it was asked about', async () => {
    const attachment = testAttachment('ro');
    const connector = iscsiConnector(host.context);
    const device = await connector.connectVolume(attachment, infoOf(attachment));
    const elsewhere = join(host.root, 'stale');
    await writeFile(elsewhere, 'not the volume');
    const identity = connector.identify(attachment, infoOf(attachment), {
      ...device,
      path: elsewhere,
    });
    await expect(identity).rejects.toMatchObject({ code: 'WrongDevice' });
    await connector.disconnectVolume(attachment, undefined, undefined, false);
  });

  it('does one thing at a time for one attachment', async () => {
    const attachment = testAttachment();
    const connector = iscsiConnector(host.context);
    const connecting = [1, 2, 3].map(() => connector.connectVolume(attachment, infoOf(attachment)));
    const devices = await Promise.all(connecting);
    expect(new Set(devices.map((device) => device.path)).size).toBe(1);
    await daemonOf(devices[0]!.path);
    const undoing = [1, 2].map(() =>
      connector.disconnectVolume(attachment, undefined, undefined, false),
    );
    expect(await Promise.all(undoing)).toEqual(['done', 'alreadyGone']);
  });

  it('says so when the state directory is too deep for a socket', async () => {
    const attachmentsDir = join(host.root, 'd'.repeat(100));
    await mkdir(attachmentsDir);
    const attachment = testAttachment();
    const connecting = iscsiConnector({ ...host.context, attachmentsDir }).connectVolume(
      attachment,
      infoOf(attachment),
    );
    await expect(connecting).rejects.toMatchObject({ code: 'StateUnwritable' });
  });
});
