import { runToolOrThrow } from '../system/run.ts';

/**
 * Brings what was written to the device onto it (fsync), in a process of its own: a device that
 * hangs then holds none of the worker's threads. @throws ToolFailed
 */
export async function flushDevice(path: string, timeoutSeconds: number): Promise<void> {
  await runToolOrThrow('sync', ['--', path], { timeoutSeconds });
}
