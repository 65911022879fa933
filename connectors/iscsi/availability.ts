import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { runTool } from '../../system/run.ts';

async function isProgram(name: string): Promise<boolean> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const tries = folders.map((folder) => access(join(folder, name), constants.X_OK));
  return Promise.any(tries).then(
    () => true,
    () => false,
  );
}

/** Names a secret that is not there: the driver looks for it before it would connect anywhere. */
const PROBE = JSON.stringify({
  driver: 'iscsi',
  'node-name': 'probe',
  transport: 'tcp',
  portal: '127.0.0.1:1',
  target: 'iqn.2026-11.io.drayage:probe',
  user: 'probe',
  'password-secret': 'none',
});

/** Whether the daemon has its iSCSI driver, a module of a package of its own in Debian. */
async function hasIscsiDriver(): Promise<boolean> {
  const answer = await runTool('qemu-storage-daemon', ['--blockdev', PROBE], {
    timeoutSeconds: 10,
  });
  return answer.stderr.includes("No secret with id 'none'");
}

/** The first thing that userspace iSCSI misses on this host, and the Debian package that has it. */
export async function missingForIscsi(): Promise<string | undefined> {
  const programs = [
    ['qemu-storage-daemon', 'qemu-system-common'],
    ['iscsi-inq', 'libiscsi-bin'],
    ['iscsi-readcapacity16', 'libiscsi-bin'],
  ] as const;
  for (const [program, debianPackage] of programs) {
    if (await isProgram(program)) continue;
    return `${program} is not installed (Debian package ${debianPackage})`;
  }
  const fuse = await access('/dev/fuse', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!fuse) return '/dev/fuse cannot be opened (kernel module fuse; Debian package fuse3)';
  if (await hasIscsiDriver()) return undefined;
  return 'qemu-storage-daemon has no iSCSI driver (Debian package qemu-block-extra)';
}
