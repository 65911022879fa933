import type { Command } from 'commander';
import { perform } from './command.ts';
import { EXIT } from './exit-codes.ts';
import type { Archived } from './temporal/archive.ts';

function render({ written, there, uncertified, invalid }: Archived, directory: string): string {
  return [
    ...uncertified.map((id) => `${id} has no certificate: see dray report ${id}`),
    ...invalid.map((id) => `${id}: its certificate is not valid: see dray report ${id}`),
    `certificates written to ${directory}: ${written.length}; there before: ${there}`,
  ].join('\n');
}

/** `dray archive`: certificates outlive Temporal's retention as files. */
export function addArchiveCommand(program: Command): void {
  program
    .command('archive')
    .argument('<directory>', 'one file a copy; made if it is not there')
    .description('write the certificates of all ended copies that are not in a directory yet')
    .action(
      perform(async ({ config }, _options, directory = '') => {
        const { withClient } = await import('./temporal/with-client.ts');
        const { archive } = await import('./temporal/archive.ts');
        const archived = await withClient(config, (client) => archive(client, directory));
        const exitCode = archived.invalid.length > 0 ? EXIT.failed : EXIT.done;
        return { json: archived, text: render(archived, directory), exitCode };
      }),
    );
}
