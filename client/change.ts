import type { LoadedConfig } from '../system/config/load.ts';
import type { ControlRequest } from '../contract/control.ts';
import { readWorkflowId } from './arguments.ts';
import type { Outcome } from './command.ts';

/** Changes a running copy by one of the Updates of contract/control, and tells what came of it. */
export async function change(
  config: LoadedConfig,
  id: string,
  name: string,
  request: ControlRequest,
  said: string,
): Promise<Outcome> {
  const workflowId = readWorkflowId(id);
  const { withClient } = await import('./temporal/with-client.ts');
  const { control } = await import('./temporal/control.ts');
  const answer = await withClient(config, (client) => control(client, workflowId, name, request));
  const late = 'the host that copies does not answer; it gets this as soon as it does';
  const text = [
    `${workflowId} ${said}`,
    ...(answer.delivered ? [] : [late]),
    `see it with: dray watch ${workflowId}`,
  ].join('\n');
  return { json: { workflowId, ...answer }, text };
}
