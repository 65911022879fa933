import type { Command } from 'commander';
import { readWorkflowId } from './arguments.ts';
import { perform } from './command.ts';

/** `dray cancel`: asks for it; the copy then takes back what it acquired. */
export function addCancelCommand(program: Command): void {
  program
    .command('cancel')
    .argument('<id>', 'workflow id, or backend:id of the source')
    .description('cancel a copy; it detaches both volumes before it ends')
    .action(
      perform(async ({ config }, _options, id = '') => {
        const workflowId = readWorkflowId(id);
        const { withClient } = await import('./temporal/with-client.ts');
        const { describe } = await import('./temporal/describe.ts');
        return withClient(config, async (client) => {
          const { runId, state } = await describe(client, { workflowId });
          if (state !== 'running') {
            const text = `${workflowId} has ended already: ${state}`;
            return { json: { workflowId, runId, status: state }, text };
          }
          await client.workflow.getHandle(workflowId, runId).cancel();
          const text = `${workflowId} is being cancelled; see its end with: dray watch ${workflowId}`;
          return { json: { workflowId, runId, status: 'cancelling' }, text };
        });
      }),
    );
}
