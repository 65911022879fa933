import { type Client, WorkflowFailedError } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { inspectWorkflowId } from '../../contract/ids.ts';
import type { InspectInput, Inspection } from '../../contract/inspection.ts';
import type { CopyStatus } from '../../contract/messages.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { type Shown, showWorkflow } from './show.ts';
import { type Wait, waitsOf } from './waits.ts';

/**
 * `now` is missing where nobody could look: without a worker for workflows, after the end, and
 * where the look failed, for which `unseen` has the reason.
 */
export type Explained = Shown & { waits: Wait[]; now?: Inspection; unseen?: string };

/** It holds nothing, so that an end by time-out leaves nothing behind. */
const LOOK_LIMIT = '40 seconds';

/** Has host and backends look at what a workflow works with. */
async function inspect(
  client: Client,
  workflowId: string,
  { host, attachments }: CopyStatus,
): Promise<Pick<Explained, 'now' | 'unseen'>> {
  const destination = attachments[0]?.owner.destination;
  const input: InspectInput = {
    host,
    attachments,
    ...(destination === undefined ? {} : { destination }),
  };
  try {
    const now: unknown = await client.workflow.execute(WORKFLOWS.inspectCopy, {
      workflowId: inspectWorkflowId(workflowId, randomUUID()),
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      workflowExecutionTimeout: LOOK_LIMIT,
      staticSummary: `look at ${workflowId}`,
    });
    return { now: now as Inspection };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return { unseen: (error.cause ?? error).message };
  }
}

/** @throws WorkflowNotFound */
export async function explain(client: Client, workflowId: string): Promise<Explained> {
  const shown = await showWorkflow(client, workflowId);
  const { state, status } = shown;
  const [waits, seen] = await Promise.all([
    waitsOf(client, shown, status),
    state === 'running' && status !== undefined ? inspect(client, workflowId, status) : {},
  ]);
  return { ...shown, waits, ...seen };
}
