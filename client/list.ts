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
    .option('--stuck', 'only those that somebody has to look at; see `dray why`')
    .action(
      perform<{ running?: true; stuck?: true }>(async ({ config }, { running, stuck }) => {
        const { withClient } = await import('./temporal/with-client.ts');
        const { listStuck, listWorkflows } = await import('./temporal/list.ts');
        const list = await withClient(config, (client) =>
          stuck === true ? listStuck(client) : listWorkflows(client, running === true),
        );
        return { json: list, text: renderList(list) };
      }),
    );
}
