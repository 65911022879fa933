import {
  type Client,
  defaultPayloadConverter,
  type WorkflowExecutionDescription,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Attachment } from '../contract/attachment.ts';
import type { Held } from '../contract/copy.ts';
import { releaseWorkflowId } from '../contract/ids.ts';
import type { OwnerFacts, OwnerRef, ReleaseState } from '../contract/leaks.ts';
import type { TimeLimits } from '../contract/limits.ts';
import { LOST_MEMO } from '../contract/messages.ts';
import { WORKFLOW_QUEUE } from '../contract/queues.ts';
import { formatVolume } from '../contract/volume.ts';
import { WORKFLOWS } from '../contract/workflows.ts';

async function describe(
  client: Client,
  { workflowId, runId }: { workflowId: string; runId?: string },
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(workflowId, runId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** One that was paused in the UI goes on later. */
const isOpen = ({ status }: WorkflowExecutionDescription): boolean =>
  status.name === 'RUNNING' || status.name === 'PAUSED';

/**
 * Whether the workflow that acquired something still runs: asked by id, since lists lag behind. A
 * reset keeps the first run id, a new copy of the same volume has another.
 */
export async function ownerLives(client: Client, owner: OwnerRef): Promise<boolean> {
  const found = await describe(client, owner);
  if (found === undefined || !isOpen(found)) return false;
  return found.raw.workflowExecutionInfo?.firstRunId === owner.firstRunId;
}

/** Ids of attachments that its workflow has given up with the host that had them. */
export async function lostAttachments(client: Client, owner: OwnerRef): Promise<string[]> {
  const { workflowId, firstRunId: runId } = owner;
  const latest = await describe(client, { workflowId });
  const isSame = latest?.raw.workflowExecutionInfo?.firstRunId === runId;
  // A later copy of the same volume has the same id.
  const found = isSame ? latest : await describe(client, { workflowId, runId });
  return (found?.memo?.[LOST_MEMO] as string[] | undefined) ?? [];
}

/** What a run was started with: the first event of its history. */
async function inputOf(client: Client, owner: OwnerRef): Promise<OwnerFacts['input']> {
  const { workflowId, firstRunId: runId } = owner;
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  const payload = started?.input?.payloads?.[0];
  if (payload == null) return undefined;
  const input = defaultPayloadConverter.fromPayload<OwnerFacts['input'] & object>(payload);
  const { host, source, destination } = input;
  return { host, destination, ...(source === undefined ? {} : { source }) };
}

/** Beside ownerLives: whether Temporal itself knows that it has ended, and what it worked on. */
export async function askOwner(client: Client, owner: OwnerRef): Promise<OwnerFacts> {
  if (await ownerLives(client, owner)) return { state: 'open' };
  const { workflowId, firstRunId: runId } = owner;
  if ((await describe(client, { workflowId, runId })) === undefined) return { state: 'gone' };
  const input = await inputOf(client, owner);
  return { state: 'ended', ...(input === undefined ? {} : { input }) };
}

/** How long a decision to leave something held stands before a person is asked anew. */
const HOLD_MILLISECONDS = 24 * 3600 * 1000;

/** A release that ended with something held was decided so by a person. */
export async function askRelease(client: Client, attachmentId: string): Promise<ReleaseState> {
  const workflowId = releaseWorkflowId(attachmentId);
  const found = await describe(client, { workflowId });
  if (found === undefined) return 'none';
  if (isOpen(found)) return 'open';
  if (found.status.name !== 'COMPLETED') return 'none';
  if (Date.now() - (found.closeTime?.getTime() ?? 0) > HOLD_MILLISECONDS) return 'none';
  // Of this run: a release of the same id may have begun since.
  const run = client.workflow.getHandle(workflowId, found.runId, { followRuns: false });
  const held = (await run.result()) as Held[];
  return held.length > 0 ? 'held' : 'none';
}

/** Answers whether it was started now; starting it twice is a no-op. */
export async function startRelease(
  client: Client,
  attachment: Attachment,
  limits: TimeLimits,
): Promise<boolean> {
  const volume = formatVolume(attachment.volume);
  try {
    await client.workflow.start(WORKFLOWS.releaseAttachment, {
      workflowId: releaseWorkflowId(attachment.id),
      taskQueue: WORKFLOW_QUEUE,
      args: [{ attachment, limits }],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: `release ${volume} from ${attachment.owner.hostId}`,
    });
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return false;
  }
}
