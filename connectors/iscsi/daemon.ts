import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readlink, truncate } from 'node:fs/promises';
import { DrayError } from '../../contract/errors.ts';
import { errnoOf } from '../../system/atomic-file.ts';
import { epochLine, guarded, type Epoch } from '../../system/epoch.ts';
import { endProcess, waitForEnd, type ProcessId } from '../../system/processes.ts';
import { toolMissing } from '../../system/run.ts';
import { type AttachmentDir } from './attachment-dir.ts';
import { unwritable } from '../../system/state-errors.ts';
import { EXPORT_ID, PROGRAM, SECRET_FD } from './command-line.ts';
import { askDaemon } from './qmp.ts';

/** A healthy daemon answers in milliseconds; one whose target hangs does not answer at all. */
const ANSWER_SECONDS = 3;
/** To quit it flushes and logs out. */
const QUIT_SECONDS = 10;
/** One that does not answer waits for its target and heeds SIGTERM no better. */
const SIGNAL_SECONDS = 2;

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
  const log = await open(dir.log, 'a', 0o600).catch((error: unknown) => {
    throw unwritable(dir.root, error);
  });
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
