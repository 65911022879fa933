import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, readlink, truncate } from 'node:fs/promises';
import type { AccessMode, IscsiData } from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import { errnoOf } from '../../system/atomic-file.ts';
import { epochLine, guarded, type Epoch } from '../../system/epoch.ts';
import { endProcess, findProcesses, waitForEnd, type ProcessId } from '../../system/processes.ts';
import { toolMissing } from '../../system/run.ts';
import type { AttachmentDir } from './attachment-dir.ts';
import { askDaemon } from './qmp.ts';

const PROGRAM = 'qemu-storage-daemon';
const EXPORT_ID = 'export';
const NODE = 'volume';
/** Its place in the child's stdio below. */
const SECRET_FD = 3;

/** A healthy daemon answers in milliseconds; one whose target hangs does not answer at all. */
const ANSWER_SECONDS = 3;
/** To quit it flushes and logs out. */
const QUIT_SECONDS = 10;
/** One that does not answer waits for its target and heeds SIGTERM no better. */
const SIGNAL_SECONDS = 2;

/** The node that logs in. JSON, since a comma in a name would split qemu's own notation. */
function blockdev(data: IscsiData, initiator: string, accessMode: AccessMode): string {
  return JSON.stringify({
    driver: 'iscsi',
    'node-name': NODE,
    transport: 'tcp',
    portal: data.target_portal,
    target: data.target_iqn,
    lun: data.target_lun,
    user: data.auth_username,
    'password-secret': 'chap',
    'initiator-name': initiator,
    'read-only': accessMode === 'ro',
    cache: { direct: true },
  });
}

/** Stands in the command line of exactly the daemons of this attachment. */
function exportOf(dir: AttachmentDir, accessMode: AccessMode): string {
  const fixed = { type: 'fuse', id: EXPORT_ID, 'node-name': NODE, mountpoint: dir.device };
  return JSON.stringify({ ...fixed, writable: accessMode === 'rw' });
}

/**
 * argv of the daemon. The secret comes through a descriptor: qemu reads it before it answers, and
 * neither argv nor any file with a name has it.
 */
export function daemonArgv(
  dir: AttachmentDir,
  data: IscsiData,
  initiator: string,
  accessMode: AccessMode,
): string[] {
  return [
    PROGRAM,
    ...['--object', `secret,id=chap,format=raw,file=/proc/self/fd/${SECRET_FD}`],
    ...['--blockdev', blockdev(data, initiator, accessMode)],
    ...['--export', exportOf(dir, accessMode)],
    // A comma in a value is doubled in this notation, which --chardev alone still wants.
    ...['--chardev', `socket,id=qmp,path=${dir.socket.replaceAll(',', ',,')},server=on,wait=off`],
    ...['--monitor', 'chardev=qmp'],
  ];
}

/** Every daemon of this attachment on the host, whoever started it and whenever. */
export async function findDaemons(dir: AttachmentDir): Promise<ProcessId[]> {
  return findProcesses(PROGRAM, `"mountpoint":${JSON.stringify(dir.device)}`);
}

/** Whether the process was started with exactly these arguments. */
export async function runsWith(daemon: ProcessId, argv: readonly string[]): Promise<boolean> {
  // Gone meanwhile reads as nothing.
  const line = await readFile(`/proc/${daemon.pid}/cmdline`, 'utf8').catch(() => '');
  return line === `${argv.join('\0')}\0`;
}

/** Empties the secret's nameless file, which a worker that died left to a daemon that has read it. */
export async function eraseSecretOf(dir: AttachmentDir, daemon: ProcessId): Promise<void> {
  const inherited = `/proc/${daemon.pid}/fd/${SECRET_FD}`;
  // Gone meanwhile: then the secret is, too.
  const file = await readlink(inherited).catch(() => '');
  if (file === `${dir.secret} (deleted)`) await truncate(inherited, 0);
}

/** Whether it answers and serves its export. */
export async function servesExport(dir: AttachmentDir): Promise<boolean> {
  try {
    const [exports] = await askDaemon(dir.socket, ANSWER_SECONDS, [
      { execute: 'query-block-exports' },
    ]);
    return JSON.stringify(exports).includes(`"id":"${EXPORT_ID}"`);
  } catch (error) {
    if (error instanceof DrayError && error.code === 'ToolFailed') return false;
    throw error;
  }
}

/** `status`: exit status, undefined while it runs and when a signal ended it. */
export type StartedDaemon = { isRunning: () => boolean; status: () => number | undefined };

/**
 * Starts the daemon in a session of its own: it outlives its worker on purpose. The child itself
 * checks the epoch, so that nobody starts one for a host that another worker has taken over; with
 * it goes the instant in which a worker could die between the start and knowing the pid.
 * @throws ToolMissing
 */
export async function startDaemon(
  dir: AttachmentDir,
  epoch: Epoch,
  argv: readonly string[],
  secretFd: number,
): Promise<StartedDaemon> {
  const [shell = '', ...args] = guarded([epochLine(epoch)], argv);
  const log = await open(dir.log, 'a', 0o600);
  try {
    const child = spawn(shell, args, {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log.fd, log.fd, secretFd],
      env: { ...process.env, LC_ALL: 'C' },
    });
    await once(child, 'spawn').catch((cause: unknown) => {
      if (errnoOf(cause) === 'ENOENT') throw toolMissing(shell, cause);
      const status = `no start: ${(cause as Error).message}`;
      throw new DrayError('ToolFailed', { tool: PROGRAM, status, stderr: '' }, { cause });
    });
    child.unref();
    return {
      isRunning: () => child.exitCode === null && child.signalCode === null,
      status: () => child.exitCode ?? undefined,
    };
  } finally {
    await log.close();
  }
}

/**
 * Ends the daemon: asks it to take its export away and to quit, then SIGTERM, then SIGKILL.
 * @throws DisconnectFailed when it lives on
 */
export async function endDaemon(dir: AttachmentDir, daemon: ProcessId): Promise<void> {
  const farewell = [
    { execute: 'block-export-del', arguments: { id: EXPORT_ID } },
    { execute: 'quit' },
  ];
  const asked = await askDaemon(dir.socket, ANSWER_SECONDS, farewell).then(
    () => true,
    // It may be dead, half started or hanging: the signals below do what asking cannot.
    () => false,
  );
  if (asked && (await waitForEnd(daemon, QUIT_SECONDS))) return;
  if (await endProcess(daemon, 'SIGTERM', SIGNAL_SECONDS)) return;
  if (await endProcess(daemon, 'SIGKILL', SIGNAL_SECONDS)) return;
  const because = `${PROGRAM} ${daemon.pid} cannot be killed`;
  throw new DrayError('DisconnectFailed', { device: dir.device, because });
}
