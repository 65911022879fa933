import type { Command } from 'commander';
import { readWorkflowId } from './arguments.ts';
import { perform } from './command.ts';

/** `dray watch`: what `dray copy` shows, for a copy that runs already or has ended. */
export function addWatchCommand(program: Command): void {
  program
    .command('watch')
    .argument('<id>', 'workflow id, or backend:id of the source')
    .description('show the progress of a copy until it ends or waits for a decision')
    .action(
      perform(async ({ config }, _options, id = '') => {
        const { withClient } = await import('./temporal/with-client.ts');
        const { follow } = await import('./follow/follow.ts');
        return withClient(config, (client) => follow(client, { workflowId: readWorkflowId(id) }));
      }),
    );
}
