import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { attachmentOf } from '../../contract/ids.ts';
import type { Sighting } from '../../contract/leaks.ts';
import { findProcesses, type ProcessId } from '../../system/processes.ts';
import { listMounts } from '../mounts.ts';
import { PROGRAM } from './command-line.ts';

/** Of a daemon, from its command line: its mount point and the name of its target. */
async function describeDaemon({ pid }: ProcessId): Promise<Sighting> {
  // Gone meanwhile reads as nothing.
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const device = /"mountpoint":"([^"]*)"/.exec(line)?.[1] ?? '';
  const attachmentId = attachmentOf(/"target":"([^"]*)"/.exec(line)?.[1] ?? '');
  return {
    kind: 'daemon',
    identity: `${PROGRAM} ${pid}`,
    look: `ps -o pid,lstart,args -p ${pid}`,
    shortName: basename(dirname(device)),
    ...(attachmentId === undefined ? {} : { attachmentId }),
  };
}

/**
 * What connected volumes have on this host: the daemons that serve FUSE exports, their mounts and
 * their directories. Reads names only, so that no hanging device can make it hang.
 */
export async function surveyConnections(attachmentsDir: string): Promise<Sighting[]> {
  const parent = await realpath(attachmentsDir);
  const daemons = await findProcesses(
    PROGRAM,
    `"mountpoint":${JSON.stringify(parent).slice(0, -1)}/`,
  );
  const mounts = (await listMounts()).filter(({ point }) => point.startsWith(`${parent}/`));
  return [
    ...(await Promise.all(daemons.map(describeDaemon))),
    ...mounts.map(({ point }): Sighting => {
      const shortName = basename(dirname(point));
      return { kind: 'mount', identity: point, look: `findmnt ${point}`, shortName };
    }),
    ...(await readdir(parent)).map((shortName): Sighting => {
      const identity = join(parent, shortName);
      return { kind: 'directory', identity, look: `cat ${identity}/log`, shortName };
    }),
  ];
}

/** Sessions of the kernel's initiator with targets of ours: Drayage itself makes none. */
export async function surveyKernelSessions(sysfs = '/sys'): Promise<Sighting[]> {
  const sessions = join(sysfs, 'class/iscsi_session');
  // Absent where the kernel has no initiator.
  const names = await readdir(sessions).catch(() => []);
  const found = names.map(async (name): Promise<Sighting[]> => {
    const text = await readFile(join(sessions, name, 'targetname'), 'utf8').catch(() => '');
    const target = text.trim();
    if (attachmentOf(target) === undefined) return [];
    const because = `the kernel's initiator logged in to ${target}, and not for Drayage`;
    const look = `iscsiadm -m session -P 1`;
    const verdict = { state: 'foreign', because } as const;
    return [{ kind: 'session', identity: `${name} at ${target}`, look, verdict }];
  });
  return (await Promise.all(found)).flat();
}
