import { randomBytes } from 'node:crypto';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccessMode, ConnectionInfo } from '../../contract/attachment.ts';
import { startTgtd, tgtadm, type Tgtd } from '../rig/tgtd.ts';

/** One volume on a tgtd of the test's own, with CHAP. */
export type IscsiTarget = {
  tgtd: Tgtd;
  file: string;
  serial: string;
  secret: string;
  info(accessMode: AccessMode): ConnectionInfo & { driverVolumeType: 'iscsi' };
  /** Makes target, unit, account and access again on an empty tgtd. */
  restore(): Promise<void>;
};

export async function startIscsiTarget(root: string, sizeBytes: number): Promise<IscsiTarget> {
  const tgtd = await startTgtd();
  const file = join(root, 'volume.raw');
  await writeFile(file, '');
  await truncate(file, sizeBytes);
  const iqn = 'iqn.2026-11.io.drayage:test.disk1';
  const serial = 'dray-test-serial';
  const secret = randomBytes(12).toString('hex');
  const user = 'copy.test';
  const on = (...args: string[]): Promise<string> => tgtadm(tgtd.controlPort, ...args);
  async function restore(): Promise<void> {
    await on('--op', 'new', '--mode', 'target', '--tid', '1', '-T', iqn);
    await on('--op', 'new', '--mode', 'logicalunit', '--tid', '1', '--lun', '1', '-b', file);
    const unit = ['--mode', 'logicalunit', '--tid', '1', '--lun', '1'];
    await on('--op', 'update', ...unit, '--params', `scsi_sn=${serial}`);
    await on('--op', 'new', '--mode', 'account', '--user', user, '--password', secret);
    await on('--op', 'bind', '--mode', 'account', '--tid', '1', '--user', user);
    await on('--op', 'bind', '--mode', 'target', '--tid', '1', '-I', 'ALL');
  }
  await restore();
  return {
    tgtd,
    file,
    serial,
    secret,
    restore,
    info: (accessMode) => ({
      driverVolumeType: 'iscsi',
      data: {
        target_portal: tgtd.portal,
        target_iqn: iqn,
        target_lun: 1,
        auth_method: 'CHAP',
        auth_username: user,
        auth_password: secret,
        access_mode: accessMode,
        encrypted: false,
      },
    }),
  };
}
