import type { Client } from '@temporalio/client';
import type { CopyStatus } from '../../contract/messages.ts';
import { type Described, describe } from './describe.ts';
import { type End, endOf } from './end.ts';
import { queryStatus } from './status.ts';

/** `status` is missing where no worker answers for the workflow, `end` while it runs. */
export type Shown = Described & { status?: CopyStatus; end?: End };

/** @throws WorkflowNotFound */
export async function showWorkflow(client: Client, workflowId: string): Promise<Shown> {
  const described = await describe(client, { workflowId });
  const [status, end] = await Promise.all([
    queryStatus(client, described),
    described.state === 'running' ? undefined : endOf(client, described, described.type),
  ]);
  return {
    ...described,
    ...(status === undefined ? {} : { status }),
    ...(end === undefined ? {} : { end }),
  };
}
