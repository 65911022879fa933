import type { Client } from '@temporalio/client';
import type { Held } from '../../contract/copy.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { endOf } from './end.ts';
import { queryStatus } from './status.ts';
import { viewOf, type WorkflowView } from './workflow-view.ts';

/** Ended workflows shown, the youngest; the Temporal UI has the others. */
const ENDED_SHOWN = 50;

const SHOWN = [WORKFLOWS.copyVolume, WORKFLOWS.verifyVolumes, WORKFLOWS.releaseAttachment];

export type Listed = WorkflowView & { held: Held[] };

async function heldBy(client: Client, view: WorkflowView): Promise<Held[]> {
  if (view.state === 'running') return (await queryStatus(client, view))?.held ?? [];
  return (await endOf(client, view, view.type)).held;
}

/** Copies, comparisons and releases, the open ones first, the youngest first among each. */
export async function listWorkflows(client: Client, onlyRunning: boolean): Promise<Listed[]> {
  const types = `WorkflowType IN (${SHOWN.map((type) => `"${type}"`).join(', ')})`;
  const query = onlyRunning ? `${types} AND ExecutionStatus = "Running"` : types;
  const views: WorkflowView[] = [];
  for await (const info of client.workflow.list({ query })) views.push(viewOf(info));
  const open = views.filter(({ state }) => state === 'running');
  const ended = views.filter(({ state }) => state !== 'running').slice(0, ENDED_SHOWN);
  return Promise.all(
    [...open, ...ended].map(async (view) => ({ ...view, held: await heldBy(client, view) })),
  );
}
