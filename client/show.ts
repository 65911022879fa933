import type { Command } from 'commander';
import { readWorkflowId } from './arguments.ts';
import { perform } from './command.ts';

/** `dray show`: everything there is to know of one copy. */
export function addShowCommand(program: Command): void {
  program
    .command('show')
    .argument('<id>', 'workflow id, or backend:id of the source')
    .description('show a copy: phase, steps, progress, parked steps, result')
    .action(
      perform(async ({ config }, _options, id = '') => {
        const { withClient } = await import('./temporal/with-client.ts');
        const { showWorkflow } = await import('./temporal/show.ts');
        const { renderShown } = await import('./render/show.ts');
        const workflowId = readWorkflowId(id);
        const shown = await withClient(config, (client) => showWorkflow(client, workflowId));
        return { json: shown, text: renderShown(shown) };
      }),
    );
}
