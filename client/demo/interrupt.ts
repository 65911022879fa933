import { constants } from 'node:os';
import { note } from '../command.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** On a signal cleans up once and ends the process; answers how to take that back. */
export function endOnSignal(cleanUp: () => Promise<void>): () => void {
  let ending = false;
  const handlers = SIGNALS.map((signal) => {
    const handler = (): void => {
      if (ending) return;
      ending = true;
      note(`\n${signal}: ending everything that was started …`);
      void cleanUp()
        .catch((error: unknown) => note(String(error)))
        .finally(() => process.exit(128 + constants.signals[signal]));
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return () => handlers.forEach(([signal, handler]) => process.off(signal, handler));
}
