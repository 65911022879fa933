import { setTimeout as sleep } from 'node:timers/promises';
import { DrayError } from '../contract/errors.ts';
import { runToolOrThrow, type ToolResult } from '../system/run.ts';

/** Time for a killed program to be noticed before it counts as stuck. */
const GRACE_SECONDS = 1;

/**
 * Runs a program that touches a device which may hang. A process that waits for FUSE in the kernel
 * ignores SIGKILL: it is then left behind and ends with its device, and this worker, whose own
 * threads never touch the device, goes on. @throws ToolFailed, ToolMissing
 */
export async function runBounded(
  tool: string,
  args: readonly string[],
  timeoutSeconds: number,
): Promise<ToolResult> {
  const limit = new AbortController();
  const stuck = async (): Promise<never> => {
    await sleep((timeoutSeconds + GRACE_SECONDS) * 1000, undefined, { signal: limit.signal });
    const status = `no answer within ${timeoutSeconds} s, even when killed`;
    throw new DrayError('ToolFailed', { tool, status, stderr: '' });
  };
  try {
    return await Promise.race([runToolOrThrow(tool, args, { timeoutSeconds }), stuck()]);
  } finally {
    limit.abort();
  }
}

/** Brings what was written to the device onto it (fsync). @throws ToolFailed */
export async function flushDevice(path: string, timeoutSeconds: number): Promise<void> {
  await runBounded('sync', ['--', path], timeoutSeconds);
}
