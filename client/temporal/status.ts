import type { Client } from '@temporalio/client';
import { type CopyStatus, STATUS_QUERY } from '../../contract/messages.ts';
import type { RunRef } from './workflow-view.ts';

/** A query is answered by a worker, and by none if there is none. Unit: milliseconds. */
const PATIENCE_MILLISECONDS = 3_000;

/** What the workflow says of itself; undefined when no worker answers for it. */
export async function queryStatus(
  client: Client,
  { workflowId, runId }: RunRef,
): Promise<CopyStatus | undefined> {
  const handle = client.workflow.getHandle(workflowId, runId);
  try {
    return await client.connection.withDeadline(Date.now() + PATIENCE_MILLISECONDS, () =>
      handle.query<CopyStatus>(STATUS_QUERY),
    );
  } catch {
    // No worker, or one that has not read the workflow yet: the caller says so.
    return undefined;
  }
}
