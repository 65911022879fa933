import { once } from 'node:events';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { DrayError } from '../../contract/errors.ts';

/** A command of the QEMU Machine Protocol. */
export type QmpCommand = { execute: string; arguments?: Record<string, unknown> };

const message = z.object({
  QMP: z.unknown().optional(),
  return: z.unknown().optional(),
  error: z.object({ desc: z.string() }).optional(),
  event: z.string().optional(),
});

function noAnswer(because: string, cause?: unknown): DrayError {
  const status = `no answer on its control socket (${because})`;
  return new DrayError(
    'ToolFailed',
    { tool: 'qemu-storage-daemon', status, stderr: '' },
    { cause },
  );
}

/**
 * Runs the commands one after the other over one connection to the daemon's control socket and
 * gives their return values (qemu's docs/interop/qmp-spec).
 * @throws ToolFailed when it is not there, refuses one, or needs longer than the limit for all
 */
export async function askDaemon(
  socketPath: string,
  timeoutSeconds: number,
  commands: readonly QmpCommand[],
): Promise<unknown[]> {
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  const socket = createConnection(socketPath);
  const returned: unknown[] = [];
  try {
    await once(socket, 'connect', { signal });
    // From here on a broken connection shows as the end of the lines.
    socket.on('error', () => undefined);
    const unsent: QmpCommand[] = [{ execute: 'qmp_capabilities' }, ...commands];
    for await (const line of createInterface({ input: socket, signal })) {
      const answer = message.parse(JSON.parse(line));
      if (answer.event !== undefined) continue;
      if (answer.error) throw noAnswer(answer.error.desc);
      if (answer.QMP === undefined) {
        // Taken for an answer, it would pass the next one off as that of another command.
        if (answer.return === undefined) throw noAnswer('an unknown message');
        returned.push(answer.return);
      }
      const next = unsent.shift();
      if (next === undefined) return returned.slice(1);
      socket.write(`${JSON.stringify(next)}\n`);
    }
  } catch (error) {
    throw error instanceof DrayError ? error : noAnswer((error as Error).message, error);
  } finally {
    socket.destroy();
  }
  throw noAnswer(signal.aborted ? `none within ${timeoutSeconds} s` : 'connection closed');
}
