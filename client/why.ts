import type { Command } from 'commander';
import { readWorkflowId } from './arguments.ts';
import { perform } from './command.ts';

/** `dray why`: what a copy waits for, what there is of it now, and what to type next. */
export function addWhyCommand(program: Command): void {
  program
    .command('why')
    .argument('<id>', 'workflow id, or backend:id of the source')
    .description('tell what a copy waits for, how host, devices and targets are now, what to do')
    .action(
      perform(async ({ config }, _options, id = '') => {
        const { withClient } = await import('./temporal/with-client.ts');
        const { explain } = await import('./temporal/explain.ts');
        const { nextOf } = await import('./render/next.ts');
        const { renderWhy } = await import('./render/why.ts');
        const { temporalSettings } = await import('../system/config/temporal.ts');
        const workflowId = readWorkflowId(id);
        const explained = await withClient(config, (client) => explain(client, workflowId));
        const { connection, namespace } = temporalSettings(config);
        const temporal = `--address ${connection.address} --namespace ${namespace}`;
        const waits = explained.waits.map((wait) => {
          return { ...wait, next: nextOf(workflowId, wait, temporal) };
        });
        return { json: { ...explained, waits }, text: renderWhy({ ...explained, waits }) };
      }),
    );
}
