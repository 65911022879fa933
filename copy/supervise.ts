import type { ChildProcess } from 'node:child_process';
import { errnoOf } from '../system/atomic-file.ts';
import { toolMissing } from '../system/run.ts';

/** Exit status, or the signal that ended it; exactly one is set. */
export type Exit = { status: number | null; signal: NodeJS.Signals | null };

const TERM_SECONDS = 5;

/**
 * Waits until a program has ended and its output was read: never returns while it lives. On abort
 * it gets SIGTERM, and SIGKILL 5 s later. @throws ToolMissing
 */
export async function supervise(child: ChildProcess, signal: AbortSignal): Promise<Exit> {
  let kill: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill('SIGTERM');
    kill = setTimeout(() => child.kill('SIGKILL'), TERM_SECONDS * 1000);
  };
  try {
    return await new Promise<Exit>((resolve, reject) => {
      child.once('error', (error) => {
        // Any other error event is of a signal that could not be sent: `close` still follows.
        if (errnoOf(error) === 'ENOENT') reject(toolMissing(child.spawnfile, error));
        else if (child.pid === undefined) reject(error);
      });
      child.once('close', (status, ended) => resolve({ status, signal: ended }));
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(kill);
  }
}
