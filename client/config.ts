import type { Command } from 'commander';
import { perform } from './command.ts';

/** `dray config`: what is in force, from file, environment and defaults; secrets masked. */
export function addConfigCommand(program: Command): void {
  program
    .command('config')
    .description('print the effective settings, secrets masked')
    .action(
      perform(async ({ config }) => {
        const { stringify } = await import('yaml');
        const { temporalSettings } = await import('../system/config/temporal.ts');
        const { connection, namespace } = temporalSettings(config);
        const { file, ...settings } = config;
        const effective = {
          file: file ?? null,
          ...settings,
          temporal: {
            ...settings.temporal,
            address: connection.address,
            namespace,
            ...(connection.apiKey === undefined ? {} : { apiKey: '***' }),
            tls: connection.tls !== undefined && connection.tls !== false,
          },
        };
        return { json: effective, text: stringify(effective).trimEnd() };
      }),
    );
}
