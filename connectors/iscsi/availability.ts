import { open } from 'node:fs/promises';
import { isOnPath } from '../../system/on-path.ts';
import { runTool, toolMissing } from '../../system/run.ts';

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

const DAEMON = 'qemu-storage-daemon';
const PROGRAMS = [DAEMON, 'iscsi-inq', 'iscsi-readcapacity16'] as const;

/** Whether the daemon has its iSCSI driver, a module of a package of its own in Debian. */
async function hasIscsiDriver(): Promise<boolean> {
  const answer = await runTool(DAEMON, ['--blockdev', PROBE], { timeoutSeconds: 10 });
  return answer.stderr.includes("No secret with id 'none'");
}

/** Opened for real: permissions alone do not tell of a device that a container keeps away. */
async function hasFuse(): Promise<boolean> {
  try {
    await (await open('/dev/fuse', 'r+')).close();
    return true;
  } catch {
    return false;
  }
}

/** Something that this host misses, and the command that mends it. */
export type Lack = { sentence: string; mend: string };

/** All that userspace iSCSI misses here. Changes nothing. @throws ToolMissing, ToolFailed */
export async function lacksForIscsi(): Promise<Lack[]> {
  const lacks: Lack[] = [];
  for (const program of PROGRAMS) {
    if (await isOnPath(program)) continue;
    const debianPackage = toolMissing(program).params['package'];
    const sentence = `${program} is not installed (Debian package ${debianPackage})`;
    lacks.push({ sentence, mend: `apt-get install ${debianPackage}` });
  }
  if (!(await hasFuse())) {
    const sentence =
      '/dev/fuse cannot be opened (kernel module fuse; Debian package fuse3; pass it into a container)';
    lacks.push({ sentence, mend: 'modprobe fuse' });
  }
  if ((await isOnPath(DAEMON)) && !(await hasIscsiDriver())) {
    const sentence = `${DAEMON} has no iSCSI driver (Debian package qemu-block-extra)`;
    lacks.push({ sentence, mend: 'apt-get install qemu-block-extra' });
  }
  return lacks;
}
