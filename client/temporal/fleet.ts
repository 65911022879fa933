import {
  type Client,
  defaultPayloadConverter,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { DrayError } from '../../contract/errors.ts';
import {
  FLEET_STATUS_QUERY,
  type FleetAnswer,
  type FleetInput,
  type FleetRequest,
  type FleetState,
  type FleetStatus,
  type FleetUpdate,
  VOLUME_STATES,
} from '../../contract/fleet.ts';
import { fleetWorkflowId } from '../../contract/ids.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { searchAttributes } from '../../contract/search-attributes.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { update } from './update.ts';
import { viewOf, type WorkflowView } from './workflow-view.ts';

/** `status` is missing where no worker answers, and of a fleet that was terminated. */
export type ShownFleet = { view: WorkflowView; status?: FleetStatus };

type Started = { workflowId: string; runId: string; already: boolean };

/** Starts it; of the same plan one that runs is answered. @throws FleetRunning */
export async function startFleet(client: Client, input: FleetInput): Promise<Started> {
  const { id, name, limits } = input.order;
  const workflowId = fleetWorkflowId(name);
  const volumes = input.volumes.rows.length;
  try {
    const handle = await client.workflow.start(WORKFLOWS.fleet, {
      workflowId,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `${volumes} volumes, ${limits.total} at once`,
      staticDetails:
        'Copies many volumes by a plan. Cancel it to cancel the copies at work as well. Copies are ' +
        'workflows of their own and outlive a terminated fleet; its plan, started again, takes them over.',
      typedSearchAttributes: [
        { key: searchAttributes.phase, value: 'running' },
        { key: searchAttributes.needsDecision, value: false },
      ],
      memo: { fleetPlan: id },
    });
    return { workflowId, runId: handle.firstExecutionRunId, already: false };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const open = await client.workflow.getHandle(workflowId).describe();
    if (open.memo?.['fleetPlan'] !== id)
      throw new DrayError('FleetRunning', { name }, { cause: error });
    return { workflowId, runId: open.runId, already: true };
  }
}

async function describeFleet(client: Client, name: string): Promise<WorkflowView> {
  try {
    return viewOf(await client.workflow.getHandle(fleetWorkflowId(name)).describe());
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw new DrayError('FleetNotFound', { name }, { cause: error });
  }
}

/** How long a worker is waited for that answers. Unit: milliseconds. */
const PATIENCE_MILLISECONDS = 10_000;

async function statusOf(client: Client, view: WorkflowView): Promise<FleetStatus | undefined> {
  const handle = client.workflow.getHandle(view.workflowId, view.runId);
  if (view.state === 'done') return (await handle.result()) as FleetStatus;
  if (view.state !== 'running') return undefined;
  try {
    return await client.connection.withDeadline(Date.now() + PATIENCE_MILLISECONDS, () =>
      handle.query<FleetStatus>(FLEET_STATUS_QUERY),
    );
  } catch {
    // No worker, or one that has not read it yet: the caller says so.
    return undefined;
  }
}

/** @throws FleetNotFound */
export async function showFleet(client: Client, name: string): Promise<ShownFleet> {
  const view = await describeFleet(client, name);
  const status = await statusOf(client, view);
  return { view, ...(status === undefined ? {} : { status }) };
}

/** All fleets that Temporal still knows, the youngest first. */
export async function listFleets(client: Client): Promise<WorkflowView[]> {
  const query = `WorkflowType = "${WORKFLOWS.fleet}"`;
  const views = new Map<string, WorkflowView>();
  for await (const info of client.workflow.list({ query })) {
    // Of the runs of one name the last one alone counts.
    if (!views.has(info.workflowId)) views.set(info.workflowId, viewOf(info));
  }
  return [...views.values()];
}

/** @throws FleetNotFound, FleetRefused, NoWorker */
export async function tellFleet(
  client: Client,
  name: string,
  change: FleetUpdate,
  request: FleetRequest,
): Promise<FleetAnswer> {
  await describeFleet(client, name);
  const workflowId = fleetWorkflowId(name);
  return update(client, workflowId, change, request, (because, cause) => {
    return new DrayError('FleetRefused', { change, name, because }, { cause });
  });
}

/** What its last run was started with: the first event of the history. */
export async function inputOf(client: Client, { workflowId, runId }: WorkflowView) {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  const [payload] = started?.input?.payloads ?? [];
  return defaultPayloadConverter.fromPayload<FleetInput>(payload ?? {});
}

const { failed, cancelled: wasCancelled, again: isAgain } = VOLUME_STATES;

/** The same with what failed, or was cancelled, to be begun again. */
function again({ letters, ...before }: FleetState, cancelled: boolean): FleetState {
  const retried = letters.replaceAll(failed, isAgain);
  const state: FleetState = {
    ...before,
    letters: cancelled ? retried.replaceAll(wasCancelled, isAgain) : retried,
    forgiven: { failures: 0, ended: 0 },
  };
  delete state.paused;
  delete state.stopped;
  delete state.cancelled;
  return state;
}

/**
 * Begins again what failed: in the fleet that runs, or in a new run of one that is over.
 * @throws FleetNotFound, FleetRefused
 */
export async function retryFleet(
  client: Client,
  name: string,
  request: FleetRequest & { cancelled?: boolean },
): Promise<FleetAnswer> {
  const { view, status } = await showFleet(client, name);
  if (view.state === 'running') return tellFleet(client, name, 'retry', request);
  const refuse = (because: string): DrayError =>
    new DrayError('FleetRefused', { change: 'retry', name, because });
  if (status === undefined) throw refuse(`it was ${view.state}: start its plan again`);
  const { cancelled = false } = request;
  const state = again(status.state, cancelled);
  if (state.letters === status.state.letters) throw refuse('nothing in it failed');
  await startFleet(client, { ...(await inputOf(client, view)), state });
  const volumes = state.letters.split(isAgain).length - 1;
  return { changed: true, said: `begins ${volumes} volumes again`, phase: 'running' };
}
