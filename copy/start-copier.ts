import { type ChildProcess, spawn } from 'node:child_process';
import { epochLine, guarded } from '../system/epoch.ts';
import type { OpenToRead } from './ends.ts';
import { type Lease, LOCKED_STATUS } from './lease.ts';

/**
 * Starts a program as the destination's one writer, or its reader: fd 3 is the source, fd 4 the
 * destination; an end that is not there is /dev/null.
 * `ipc`: with a channel for messages of Node's, which the program is.
 */
export type StartCopier = (program: readonly string[], channel?: 'ipc') => ChildProcess;

/** Ends a child whose worker died before the kernel had been told to kill it with its parent. */
const OF_PARENT = '[ "$PPID" = "$1" ] || exit 76; shift; exec "$@"';
const JOIN_GROUP = 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"';

/**
 * The whole chain. Each program becomes the next, so the pid stays and is the one in the lock:
 * dies with the worker, takes the lock, checks parent, epoch and lease inside it, then copies.
 */
export function copierArguments(
  lease: Lease,
  group: string | undefined,
  program: readonly string[],
): string[] {
  const joined =
    group === undefined ? program : ['sh', '-c', JOIN_GROUP, 'group', group, ...program];
  const files = [epochLine(lease.epoch), { file: lease.leaseFile, line: lease.token }];
  return [
    ...['--pdeathsig', 'KILL', '--'],
    ...['flock', '-n', '-E', String(LOCKED_STATUS), '-F', lease.lockFile],
    ...['sh', '-c', OF_PARENT, 'parent', String(process.pid)],
    ...guarded(files, joined),
  ];
}

/** `group`: directory of the cgroup that limits the copier, if one does. */
export function copierStarter(lease: Lease, ends: OpenToRead, group?: string): StartCopier {
  return (program, channel) =>
    spawn('setpriv', copierArguments(lease, group, program), {
      stdio: [
        ...(['ignore', 'pipe', 'pipe'] as const),
        ends.source?.fd ?? 'ignore',
        ends.destination?.fd ?? 'ignore',
        ...(channel === undefined ? [] : [channel]),
      ],
      env: { ...process.env, LC_ALL: 'C' },
    });
}
