import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { attributesAtStart } from '../../contract/copy-start.ts';
import type { DrayError } from '../../contract/errors.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import type { WORKFLOWS } from '../../contract/workflows.ts';

/** A workflow that attaches volumes on a host, and how it shows in lists from its start. */
type RunToStart = {
  type: (typeof WORKFLOWS)['copyVolume' | 'verifyVolumes'];
  workflowId: string;
  input: { host: string };
  summary: string;
  /** Paragraphs of markdown. */
  details: string[];
  /** `backend:id`. */
  source?: string;
  destination: string;
};

/** Starts it, unless one of its id is open: then `whenOpen` makes the error. */
export async function startRun(
  client: Client,
  { type, workflowId, input, summary, details, source, destination }: RunToStart,
  whenOpen: (cause: unknown) => DrayError,
): Promise<{ workflowId: string; runId: string }> {
  const from = source === undefined ? {} : { source };
  try {
    const handle = await client.workflow.start(type, {
      workflowId,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: summary,
      staticDetails: details.join('\n\n'),
      typedSearchAttributes: attributesAtStart({ host: input.host, destination, ...from }),
    });
    return { workflowId, runId: handle.firstExecutionRunId };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw whenOpen(error);
  }
}
