import type { Command } from 'commander';
import { RESUME_UPDATE, type ResumeRequest } from '../contract/control.ts';
import type { LoadedConfig } from '../system/config/load.ts';
import { change } from './change.ts';
import { perform } from './command.ts';

/** @throws UnknownHost for one that no worker serves */
async function checkHost(config: LoadedConfig, host: string): Promise<void> {
  const { withClient } = await import('./temporal/with-client.ts');
  const { assertKnownHost } = await import('./temporal/preconditions.ts');
  await withClient(config, (client) => assertKnownHost(client, config, host));
}

/** `dray resume`: a paused copy goes on where it stopped. */
export function addResumeCommand(program: Command): void {
  program
    .command('resume')
    .argument('<id>', 'workflow id, or backend:id of the source')
    .description('go on with a paused copy')
    .option('--host <id>', 'of a released copy: the host to go on with (default: where it was)')
    .option('--reason <text>', 'kept in the history and in the report')
    .action(
      perform<ResumeRequest>(async ({ config }, request, id = '') => {
        const { host } = request;
        if (host !== undefined) await checkHost(config, host);
        const where = host === undefined ? '' : ` on ${host}`;
        return change(config, id, RESUME_UPDATE, request, `goes on${where}`);
      }),
    );
}
