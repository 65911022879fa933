import { execa } from 'execa';
import { access, constants } from 'node:fs/promises';
import { isOnPath } from '../../system/on-path.ts';

/** Everything that iSCSI storage and the userspace connector want, for apt-get install. */
export const DEBIAN_PACKAGES =
  'tgt qemu-system-common qemu-utils qemu-block-extra libiscsi-bin fuse3';

const PROGRAMS = [
  'tgtd',
  'tgtadm',
  'qemu-storage-daemon',
  'iscsi-inq',
  'iscsi-readcapacity16',
] as const;

/** The driver is a module of a package of its own: it is there if it can say what it misses. */
async function hasIscsiDriver(): Promise<boolean> {
  const node = {
    driver: 'iscsi',
    'node-name': 'probe',
    transport: 'tcp',
    portal: '127.0.0.1:1',
    target: 'iqn.2026-11.io.drayage:probe',
    'password-secret': 'none',
  };
  const args = ['--blockdev', JSON.stringify({ ...node, user: 'probe' })];
  const options = { reject: false, timeout: 10_000, stdin: 'ignore' } as const;
  const { stderr } = await execa('qemu-storage-daemon', args, options);
  return stderr.includes("No secret with id 'none'");
}

async function canMount(): Promise<boolean> {
  try {
    await access('/dev/fuse', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What this machine misses to copy over iSCSI; empty when nothing. */
export async function missingForIscsi(): Promise<string[]> {
  const missing: string[] = [];
  for (const program of PROGRAMS) if (!(await isOnPath(program))) missing.push(program);
  if (process.getuid?.() !== 0) missing.push('root, which tgtd needs');
  if (!(await canMount())) missing.push('/dev/fuse');
  if (!missing.includes('qemu-storage-daemon') && !(await hasIscsiDriver())) {
    missing.push("qemu's iSCSI driver");
  }
  return missing;
}
