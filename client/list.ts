import type { Command } from 'commander';
import { perform } from './command.ts';
import { renderList } from './render/list.ts';

/** `dray list`: every copy, comparison and release that Temporal still knows, the open ones first. */
export function addListCommand(program: Command): void {
  program
    .command('list')
    .description(
      'list copies, comparisons and releases, and what they wait for or could not release',
    )
    .option('--running', 'only those that have not ended')
    .action(
      perform<{ running?: true }>(async ({ config }, { running }) => {
        const { withClient } = await import('./temporal/with-client.ts');
        const { listWorkflows } = await import('./temporal/list.ts');
        const list = await withClient(config, (client) => listWorkflows(client, running === true));
        return { json: list, text: renderList(list) };
      }),
    );
}
