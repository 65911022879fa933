import type { Client } from '@temporalio/client';
import type { CopyReport, Held } from '../../contract/copy.ts';
import type { ErrorDescription } from '../../contract/errors.ts';
import type { VerifyReport } from '../../contract/verify.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { describeFailure } from '../failure.ts';
import type { RunRef, WorkflowView } from './workflow-view.ts';

/** How a workflow ended, and what it could not release. */
export type End = {
  report?: CopyReport;
  comparison?: VerifyReport;
  failure?: ErrorDescription;
  held: Held[];
};

/** What a failed copy tells beside its failure. */
function heldOf(error: unknown): Held[] {
  for (let e = error; e instanceof Error; e = e.cause) {
    const details = (e as { details?: unknown[] }).details?.[1] as { held?: Held[] } | undefined;
    if (details?.held !== undefined) return details.held;
  }
  return [];
}

/** Waits for the end of a run and reads it. */
export async function endOf(
  client: Client,
  { workflowId, runId }: RunRef,
  type: WorkflowView['type'],
): Promise<End> {
  const handle = client.workflow.getHandle(workflowId, runId);
  let result: unknown;
  try {
    result = await handle.result();
  } catch (error) {
    const failure = describeFailure(error);
    if (failure.code === 'TemporalUnreachable') throw error;
    return { failure, held: heldOf(error) };
  }
  if (type === WORKFLOWS.releaseAttachment) return { held: result as Held[] };
  if (type === WORKFLOWS.verifyVolumes) {
    const comparison = result as VerifyReport;
    return { comparison, held: comparison.held };
  }
  const report = result as CopyReport;
  return { report, held: report.held };
}
