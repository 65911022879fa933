import type { Client } from '@temporalio/client';
import { Readable } from 'node:stream';
import type { Held } from '../../contract/copy.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { describeFailure } from '../failure.ts';
import { describe } from './describe.ts';
import { endOf } from './end.ts';
import { queryStatus } from './status.ts';
import { isStuck, type Wait, waitsOf } from './waits.ts';
import { viewOf, type WorkflowView } from './workflow-view.ts';

/** Ended workflows shown, the youngest; the Temporal UI has the others. */
const ENDED_SHOWN = 50;

const SHOWN = [WORKFLOWS.copyVolume, WORKFLOWS.verifyVolumes, WORKFLOWS.releaseAttachment];

/** Each run is asked about; as many at a time. */
const AT_ONCE = 20;

type Details = { held: Held[]; waits: Wait[] };

/** `waits`: what it waits for, none once it has ended. `unknown`: why neither can be told. */
export type Listed = WorkflowView & Details & { unknown?: string };

/** What lists do not tell of one workflow. */
async function detailsOf(client: Client, view: WorkflowView): Promise<Details> {
  if (view.state !== 'running') {
    return { held: (await endOf(client, view, view.type)).held, waits: [] };
  }
  const [described, status] = await Promise.all([
    describe(client, view),
    queryStatus(client, view),
  ]);
  const waits = await waitsOf(client, described, status);
  return { held: status?.held ?? [], waits };
}

/** One that cannot be asked about does not take the others from the list. */
async function listed(client: Client, view: WorkflowView): Promise<Listed> {
  try {
    return { ...view, ...(await detailsOf(client, view)) };
  } catch (error) {
    const { code, message } = describeFailure(error);
    if (code === 'TemporalUnreachable') throw error;
    return { ...view, held: [], waits: [], unknown: message };
  }
}

/** Those that somebody has to look at. */
export async function listStuck(client: Client): Promise<Listed[]> {
  const open = await listWorkflows(client, true);
  return open.filter(({ waits, unknown }) => isStuck(waits) || unknown !== undefined);
}

/** Copies, comparisons and releases, the youngest first. */
export async function listViews(client: Client, onlyRunning: boolean): Promise<WorkflowView[]> {
  const types = `WorkflowType IN (${SHOWN.map((type) => `"${type}"`).join(', ')})`;
  const query = onlyRunning ? `${types} AND ExecutionStatus = "Running"` : types;
  const views: WorkflowView[] = [];
  for await (const info of client.workflow.list({ query })) views.push(viewOf(info));
  return views;
}

/** The same with what they hold, the open ones first. */
export async function listWorkflows(client: Client, onlyRunning: boolean): Promise<Listed[]> {
  const views = await listViews(client, onlyRunning);
  const open = views.filter(({ state }) => state === 'running');
  const ended = views.filter(({ state }) => state !== 'running').slice(0, ENDED_SHOWN);
  const shown = Readable.from([...open, ...ended]);
  const details = shown.map((view: WorkflowView) => listed(client, view), { concurrency: AT_ONCE });
  return (await details.toArray()) as Listed[];
}
