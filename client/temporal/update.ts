import {
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { DrayError } from '../../contract/errors.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { describe } from './describe.ts';

/** An Update is answered by a worker. Unit: milliseconds. */
const PATIENCE_MILLISECONDS = 15_000;

/**
 * Sends an Update to a copy and answers what it answers; `refused` makes the error of one that has
 * ended. @throws WorkflowNotFound, NoWorker, what the copy refuses it with
 */
export async function update<T>(
  client: Client,
  workflowId: string,
  name: string,
  argument: object,
  refused: (because: string, cause?: unknown) => DrayError,
): Promise<T> {
  const { runId, state } = await describe(client, { workflowId });
  if (state !== 'running') throw refused(`${workflowId} has ended: ${state}`);
  const handle = client.workflow.getHandle(workflowId, runId);
  try {
    return await client.connection.withDeadline(Date.now() + PATIENCE_MILLISECONDS, () =>
      handle.executeUpdate<T, [object]>(name, { args: [argument] }),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw refused('the copy has just ended', error);
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
      throw new DrayError('NoWorker', { queue: WORKFLOW_QUEUE }, { cause: error });
    }
    throw error;
  }
}
