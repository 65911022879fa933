import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tgtadm } from '../../rig/tgtd.ts';
import { INITIATOR, properties } from '../workbench.ts';
import { connectLive, inquire, iscsiData, serialLine } from './initiator.ts';
import { attach, makeTgtBench, type TgtBench } from './tgt-bench.ts';

describe('access to a tgt export', () => {
  let it_: TgtBench;
  beforeEach(async () => {
    it_ = await makeTgtBench();
  });
  afterEach(() => it_.remove());

  it('is given to the one initiator with its own secret, who reads the serial back', async () => {
    const { data, exported } = await attach(it_.backend, 'disk1');
    const answer = await inquire(data);
    expect([answer.status, answer.stdout.trim()]).toEqual([0, serialLine(exported.serial!)]);

    const wrongSecret = await inquire({ ...data, auth_password: 'not-the-secret-at-all' });
    expect(wrongSecret.status).toBe(10);
    expect(wrongSecret.stdout + wrongSecret.stderr).toContain('Authentication failure(513)');
    const stranger = await inquire(data, `${INITIATOR}-not`);
    expect(stranger.status).toBe(10);
    expect(stranger.stdout + stranger.stderr).toContain('Target not found(515)');
    const nobody = await inquire({ ...data, auth_username: 'x', auth_password: 'y' });
    expect(nobody.status).toBe(10);
  });

  it('is refused to everybody before initializeConnection and after terminateConnection', async () => {
    const { backend } = it_;
    const { attachment, data } = await attach(backend, 'disk1');
    expect(await backend.terminateConnection(attachment, properties, false)).toBe('done');
    expect((await inquire(data)).status).toBe(10);
    expect(await tgtadm(it_.tgtd.controlPort, '--mode', 'account', '--op', 'show')).not.toContain(
      data.auth_username,
    );
    // Let in again: with new credentials, the old ones being used up.
    const again = iscsiData(await backend.initializeConnection(attachment, properties));
    expect(again.auth_username).not.toBe(data.auth_username);
    expect(again.auth_password).not.toBe(data.auth_password);
    expect((await inquire(data)).status).toBe(10);
    expect((await inquire(again)).status).toBe(0);
  });

  it('moves to another initiator name of its host, but not from under a session', async () => {
    const { attachment, data } = await attach(it_.backend, 'disk1');
    const other = `${INITIATOR}-b`;
    const moved = { ...properties, initiator: other };
    const client = await connectLive(it_.bench.directory, data, false);
    await expect(it_.backend.initializeConnection(attachment, moved)).rejects.toMatchObject({
      code: 'SessionsRemain',
    });
    await client.end();
    const info = iscsiData(await it_.backend.initializeConnection(attachment, moved));
    expect((await inquire(data)).status).toBe(10);
    expect((await inquire(info)).status).toBe(10);
    expect((await inquire(info, other)).status).toBe(0);
  });

  it('is read-only for a source', async () => {
    const { bench, backend } = it_;
    const source = await attach(backend, 'source', 'ro');
    await expect(connectLive(bench.directory, source.data, false)).rejects.toThrow(
      'LUN is write protected',
    );
    const destination = await attach(backend, 'destination');
    const client = await connectLive(bench.directory, destination.data, false);
    expect(await client.io('write -P 7 0 4096')).toContain('wrote 4096/4096');
    await client.end();
  });

  it('is not taken from under a live session without force', async () => {
    const { bench, backend } = it_;
    const { attachment, data } = await attach(backend, 'disk1');
    const client = await connectLive(bench.directory, data, false);
    const remain = { code: 'SessionsRemain' };
    await expect(backend.terminateConnection(attachment, properties, false)).rejects.toMatchObject(
      remain,
    );
    await expect(backend.removeExport(attachment)).rejects.toMatchObject(remain);
    expect(await client.io('write -P 7 0 4096')).toContain('wrote 4096/4096');
    expect(await backend.listReservations()).toEqual([attachment]);
    expect(await backend.terminateConnection(attachment, properties, true)).toBe('done');
    expect(await backend.removeExport(attachment)).toBe('done');
    expect(await tgtadm(it_.tgtd.controlPort, '--mode', 'target', '--op', 'show')).toBe('');
    await client.end();
  });

  it('is revoked from a client that keeps writing and connecting, and not given back', async () => {
    const { bench, backend } = it_;
    const { attachment, data } = await attach(backend, 'disk1');
    const client = await connectLive(bench.directory, data, false);
    expect(await client.io('write -P 1 0 4096')).toContain('wrote');
    expect(await backend.revokeAccess(attachment, properties)).toBe('revoked');
    const raw = join(bench.root, 'volumes/disk1.raw');
    const stuck = client.io('write -P 2 0 4096', 3);
    await expect(stuck).rejects.toThrow('no answer');
    await it_.tgtd.restart();
    await expect
      .poll(() => tgtadm(it_.tgtd.controlPort, '--mode', 'target', '--op', 'show'), {
        timeout: 10_000,
      })
      .toContain(data.target_iqn);
    expect((await inquire(data)).status).toBe(10);
    expect((await readFile(raw)).subarray(0, 4096).every((byte) => byte === 1)).toBe(true);
    await expect(backend.initializeConnection(attachment, properties)).rejects.toMatchObject({
      code: 'AccessRevoked',
    });
    await client.end();
    expect(await backend.terminateConnection(attachment, properties, true)).toBe('alreadyGone');
    expect(await backend.removeExport(attachment)).toBe('done');
  });

  it('keeps its secret sealed in every file, and out of every argument list', async () => {
    const shims = join(it_.bench.directory, 'shims');
    const seen = join(it_.bench.directory, 'argv');
    await mkdir(shims);
    const shim = `#!/bin/sh\necho "$@" >>${seen}\nexec /usr/sbin/tgtadm "$@"\n`;
    await writeFile(join(shims, 'tgtadm'), shim, { mode: 0o755 });
    vi.stubEnv('PATH', `${shims}:${process.env['PATH']}`);
    const { attachment, data } = await attach(it_.backend, 'disk1');
    await it_.tgtd.restart();
    await it_.backend.initializeConnection(attachment, properties);
    vi.unstubAllEnvs();
    expect(await readFile(seen, 'utf8')).toContain(data.auth_username);
    const secret = Buffer.from(data.auth_password);
    const names = await readdir(it_.bench.directory, { recursive: true, withFileTypes: true });
    const files = names.filter((each) => each.isFile());
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) {
      const bytes = await readFile(join(file.parentPath, file.name));
      expect(bytes.includes(secret), file.name).toBe(false);
      expect(bytes.includes(secret.toString('base64')), file.name).toBe(false);
    }
  });
});
