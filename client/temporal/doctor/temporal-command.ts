import type { Config } from '../../../system/config/schema.ts';
import { temporalSettings } from '../../../system/config/temporal.ts';

/** A command of Temporal's own CLI, for the server and the namespace in use. */
export function temporalCommand(config: Config, ...words: string[]): string {
  const { profile } = config.temporal;
  const { connection, namespace } = temporalSettings(config);
  const server = profile === undefined ? ['--address', connection.address] : ['--profile', profile];
  return ['temporal', ...words, '--namespace', namespace, ...server].join(' ');
}
