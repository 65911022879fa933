import { execa } from 'execa';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { DrayError } from '../contract/errors.ts';
import { within } from './within.ts';

/** Where Debian has the programs that Drayage runs. */
const PACKAGES: Record<string, string> = {
  dd: 'coreutils',
  flock: 'util-linux',
  setpriv: 'util-linux',
  ionice: 'util-linux',
  losetup: 'mount',
  tgtd: 'tgt',
  tgtadm: 'tgt',
  'qemu-storage-daemon': 'qemu-system-common',
  'iscsi-inq': 'libiscsi-bin',
  'iscsi-readcapacity16': 'libiscsi-bin',
  fusermount3: 'fuse3',
};

/** What an external program did: always the same shape, success or not. */
export type ToolResult = {
  /** Exit status; undefined when a signal ended it. */
  status: number | undefined;
  signal: string | undefined;
  stdout: string;
  stderr: string;
};

export type ToolOptions = {
  /** Added to the worker's environment; `LC_ALL=C` is always set. */
  env?: Record<string, string>;
  input?: string;
  /** Default 30 s, then SIGKILL and ToolFailed. */
  timeoutSeconds?: number;
};

/** The error for a program that is not there. */
export function toolMissing(tool: string, cause?: unknown): DrayError {
  const name = basename(tool);
  return new DrayError(
    'ToolMissing',
    { tool: name, host: hostname(), package: PACKAGES[name] ?? name },
    { cause },
  );
}

/** Time for a killed program to be gone before it counts as stuck. Unit: seconds. */
const KILL_SECONDS = 1;

/**
 * Runs a program without a shell and waits until it has ended, whatever its status. One that waits
 * for a device in the kernel ignores SIGKILL: it is left behind and ends with its device, and this
 * process, whose own threads touch no device, goes on.
 * @throws ToolMissing when it is not installed, ToolFailed when it did not end in time
 */
export async function runTool(
  tool: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const timeoutSeconds = options.timeoutSeconds ?? 30;
  const child = execa(tool, args, {
    reject: false,
    // Its handler for signals would end a worker that is shutting down in order.
    cleanup: false,
    env: { LC_ALL: 'C', ...options.env },
    timeout: timeoutSeconds * 1000,
    killSignal: 'SIGKILL',
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  });
  const unanswered = (how: string, stderr: string): DrayError => {
    const status = `no answer within ${timeoutSeconds} s${how}`;
    return new DrayError('ToolFailed', { tool, status, stderr });
  };
  const result = await within(timeoutSeconds + KILL_SECONDS, child);
  if (result === 'late') {
    child.unref();
    child.stdout.destroy();
    child.stderr.destroy();
    throw unanswered(', even when killed', '');
  }
  if (result.code === 'ENOENT') throw toolMissing(tool, result.cause);
  if (result.timedOut) throw unanswered('', result.stderr.trim());
  return {
    status: result.exitCode,
    signal: result.signal,
    stdout: result.stdout,
    stderr: result.stderr,
  };
}

/** As runTool, but anything else than exit status 0 is an error. @throws ToolFailed, ToolMissing */
export async function runToolOrThrow(
  tool: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const result = await runTool(tool, args, options);
  if (result.status !== 0) {
    throw new DrayError('ToolFailed', {
      tool,
      status: result.signal ?? `exit status ${result.status}`,
      stderr: result.stderr.trim(),
    });
  }
  return result;
}
