import { type Client, WorkflowFailedError } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import type { Examination, ExamineInput } from '../../../contract/examination.ts';
import { WORKFLOW_QUEUE } from '../../../contract/queues.ts';
import { WORKFLOWS } from '../../../contract/workflows.ts';

/** Longer than the activities of `examine` wait; it holds nothing that a time-out could leave. */
const PATIENCE = '40 seconds';

/** Has hosts and backends look at themselves; undefined when no worker takes it up. */
export async function examine(
  client: Client,
  input: ExamineInput,
): Promise<Examination | undefined> {
  try {
    const result: unknown = await client.workflow.execute(WORKFLOWS.examine, {
      workflowId: `doctor/${randomUUID()}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      workflowExecutionTimeout: PATIENCE,
      staticSummary: 'look at hosts and backends',
    });
    return result as Examination;
  } catch (error) {
    if (error instanceof WorkflowFailedError) return undefined;
    throw error;
  }
}
