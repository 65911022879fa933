import type { Client } from '@temporalio/client';
import type { Certificate } from '../../contract/certificate.ts';
import { DrayError } from '../../contract/errors.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { verifyCertificate } from '../../system/config/signing.ts';
import { type Shown, showWorkflow } from './show.ts';
import { readTimeline, type TimelineStep } from './timeline.ts';

/** All there is to report of a copy: a certificate that is valid, or why there is none. */
export type Report = {
  shown: Shown;
  timeline: TimelineStep[];
} & ({ certificate: Certificate } | { certificate?: never; uncertified: string });

/** Why a copy without a certificate has none. */
function reasonOf({ state, end }: Shown): string {
  if (state === 'running') return 'it has not ended';
  if (state !== 'done') return `it ended as ${state}`;
  return end?.report?.uncertified ?? 'its result has none';
}

/** @throws WorkflowNotFound, also for what is no copy; CertificateInvalid */
export async function reportCopy(client: Client, workflowId: string): Promise<Report> {
  const shown = await showWorkflow(client, workflowId);
  if (shown.type !== WORKFLOWS.copyVolume) {
    throw new DrayError('WorkflowNotFound', { id: workflowId });
  }
  const timeline = await readTimeline(client, shown);
  const certificate = shown.end?.report?.certificate;
  return certificate === undefined
    ? { shown, timeline, uncertified: reasonOf(shown) }
    : { shown, timeline, certificate: verifyCertificate(certificate) };
}
