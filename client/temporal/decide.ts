import {
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { DrayError } from '../../contract/errors.ts';
import { DECIDE_UPDATE, type Decision } from '../../contract/messages.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { describe } from './describe.ts';

/** An Update is answered by a worker. Unit: milliseconds. */
const PATIENCE_MILLISECONDS = 15_000;

/** @throws WorkflowNotFound, DecisionRefused, NoWorker */
export async function decide(
  client: Client,
  workflowId: string,
  decision: Decision,
): Promise<void> {
  const { runId, state } = await describe(client, { workflowId });
  const handle = client.workflow.getHandle(workflowId, runId);
  const refused = (because: string, cause?: unknown): DrayError =>
    new DrayError(
      'DecisionRefused',
      { decision: decision.decision, step: decision.step, because },
      { cause },
    );
  if (state !== 'running') throw refused(`${workflowId} has ended: ${state}`);
  try {
    await client.connection.withDeadline(Date.now() + PATIENCE_MILLISECONDS, () =>
      handle.executeUpdate(DECIDE_UPDATE, { args: [decision] }),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw refused('the copy has just ended', error);
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
      throw new DrayError('NoWorker', { queue: WORKFLOW_QUEUE }, { cause: error });
    }
    throw error;
  }
}
