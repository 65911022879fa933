import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  connectorProperties,
  defaultInitiator,
  openConnectors,
} from '../../connectors/open-connectors.ts';
import { runToolOrThrow } from '../../system/run.ts';
import { testHost, type TestHost } from './fixtures.ts';

describe('connector properties', () => {
  let host: TestHost;
  beforeEach(async () => {
    host = await testHost();
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await host.remove();
  });

  const properties = () =>
    connectorProperties('Mover1', openConnectors(host.context), host.context.initiator);

  it('tell what this host is and can connect', async () => {
    const machine = (await runToolOrThrow('uname', ['-m'])).stdout.trim();
    expect(await properties()).toMatchObject({
      host: 'Mover1',
      platform: machine,
      os_type: 'linux',
      multipath: false,
      do_local_attach: false,
      initiator: host.context.initiator,
      protocols: ['local', 'iscsi'],
      unavailable: {},
    });
  });

  it('name the package that is missing and no initiator', async () => {
    vi.stubEnv('PATH', host.root);
    const without = await properties();
    expect(without.protocols).toEqual(['local']);
    expect(without.unavailable.iscsi).toContain('qemu-system-common');
    expect(without).not.toHaveProperty('initiator');

    await symlink('/usr/bin/qemu-storage-daemon', join(host.root, 'qemu-storage-daemon'));
    expect((await properties()).unavailable.iscsi).toContain('libiscsi-bin');
  });

  it('notice a daemon without the iSCSI driver', async () => {
    await symlink('/bin/true', join(host.root, 'qemu-storage-daemon'));
    vi.stubEnv('PATH', `${host.root}:${process.env.PATH}`);
    expect((await properties()).unavailable.iscsi).toContain('qemu-block-extra');
  });

  it('derive an initiator name that iSCSI accepts', () => {
    expect(defaultInitiator('Mover1')).toBe('iqn.2026-11.io.drayage:mover1');
  });
});
