import type { Command } from 'commander';
import { join } from 'node:path';
import { keysDirectory } from '../system/config/keys.ts';
import { perform } from './command.ts';

/** `dray server`: Temporal's dev server, ready for Drayage, until it is told to end. */
export function addServerCommand(program: Command): void {
  program
    .command('server')
    .description("run Temporal's dev server with a database file and the Web UI")
    .action(
      perform(async ({ config, json }) => {
        const { serve } = await import('./server/serve.ts');
        const { temporalSettings } = await import('../system/config/temporal.ts');
        const settings = temporalSettings(config);
        if (settings.isNamed) {
          const { address } = settings.connection;
          const text = `Temporal is configured at ${address}: nothing is started.`;
          return { json: { address, started: false }, text };
        }
        const { port, uiPort, binary } = config.temporal;
        const dbFile = join(config.stateDir, 'temporal', 'temporal.db');
        await serve({
          binary,
          port,
          uiPort,
          namespace: settings.namespace,
          dbFile,
          keys: keysDirectory(config),
          onReady: ({ address, uiUrl, pid }) => {
            const ready = { address, uiUrl, pid, ready: true };
            if (json) process.stdout.write(`${JSON.stringify(ready)}\n`);
            else {
              const lines = [`Temporal  ${address}`, `Web UI    ${uiUrl}`, `Database  ${dbFile}`];
              const ready = 'ready; Ctrl-C ends it, and the database stays';
              process.stdout.write([...lines, ready, ''].join('\n'));
            }
          },
        });
        return undefined;
      }),
    );
}
