import type { ChildProcess } from 'node:child_process';
import { hostname } from 'node:os';
import { DrayError } from '../contract/errors.ts';
import { errnoOf } from '../system/atomic-file.ts';
import { toolMissing } from '../system/run.ts';

/** Exit status, or the signal that ended it; exactly one is set. */
export type Exit = { status: number | null; signal: NodeJS.Signals | null };

const TERM_SECONDS = 5;
/** A process that survives SIGKILL this long hangs in the kernel, in a request to its device. */
const KILL_SECONDS = 10;

/** A program that cannot be killed; whoever started it knows what it works on. */
export class StuckProcess extends Error {
  constructor(readonly pid: number) {
    super(`process ${pid} cannot be killed`);
  }
}

/**
 * Waits until a program has ended and its output was read: never returns while it lives. On abort
 * it gets SIGTERM, and SIGKILL 5 s later. @throws ToolMissing, StuckProcess 10 s after that
 */
export async function supervise(child: ChildProcess, signal: AbortSignal): Promise<Exit> {
  let kill: NodeJS.Timeout | undefined;
  let stop = (): void => undefined;
  try {
    return await new Promise<Exit>((resolve, reject) => {
      stop = () => {
        child.kill('SIGTERM');
        kill = setTimeout(() => {
          child.kill('SIGKILL');
          const stuck = new StuckProcess(child.pid ?? 0);
          kill = setTimeout(() => reject(stuck), KILL_SECONDS * 1000);
        }, TERM_SECONDS * 1000);
      };
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

/** CopierStuck for a program that could not be killed; undefined for any other error. */
export function stuckError(error: unknown, volume: string): DrayError | undefined {
  if (!(error instanceof StuckProcess)) return undefined;
  return new DrayError('CopierStuck', { pid: error.pid, host: hostname(), volume });
}
