import { access } from 'node:fs/promises';
import { type Finding, unneeded, warning, well } from '../../contract/examination.ts';
import { usableController } from '../../copy/throttle/cgroup.ts';

/** Features that no connector of this version uses, by a path that only a kernel with them has. */
const FEATURES = [
  ['host.loop', 'loop devices', '/dev/loop-control'],
  ['host.kernel-initiator', 'iSCSI initiator of the kernel', '/sys/class/iscsi_transport'],
  ['host.multipath', 'multipath', '/sys/module/dm_multipath'],
] as const;

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function examineCgroup(limits: boolean): Promise<Finding> {
  const check = 'host.cgroup';
  const controller = await usableController();
  if (controller !== undefined) return well(check, `io controller ${controller} limits real disks`);
  const sentence = 'no io controller: limits are kept by pacing the copier';
  return limits
    ? warning(check, sentence, 'run the worker where it may write /sys/fs/cgroup')
    : unneeded(check, sentence);
}

/** `limits`: whether this host has a bandwidth limit of its own. */
export async function examineKernel(limits: boolean): Promise<Finding[]> {
  const features = FEATURES.map(async ([check, what, path]) =>
    (await isThere(path))
      ? well(check, `${what}: present (${path})`)
      : unneeded(check, `${what}: absent, and nothing here needs it (${path})`),
  );
  return Promise.all([examineCgroup(limits), ...features]);
}
