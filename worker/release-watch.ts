import {
  type Client,
  type WorkflowExecutionDescription,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Attachment } from '../contract/attachment.ts';
import type { Held } from '../contract/copy.ts';
import { releaseWorkflowId } from '../contract/ids.ts';
import type { TimeLimits } from '../contract/limits.ts';
import { WORKFLOW_QUEUE } from '../contract/queues.ts';
import { formatVolume } from '../contract/volume.ts';
import { WORKFLOWS } from '../contract/workflows.ts';
import type { Log } from '../system/log.ts';

export type ReleaseWatch = {
  client: Client;
  limits: TimeLimits;
  log: Log;
  /** What this worker's host and backends have written down. */
  listAttachments: () => Promise<Attachment[]>;
};

async function describe(
  client: Client,
  workflowId: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/**
 * Whether the workflow that acquired it still runs: asked by id, since lists lag behind. A reset
 * keeps the first run id, a new copy of the same volume has another.
 */
async function ownerLives(client: Client, { owner }: Attachment): Promise<boolean> {
  const found = await describe(client, owner.workflowId);
  // One that was paused in the UI goes on later.
  const isOpen = found?.status.name === 'RUNNING' || found?.status.name === 'PAUSED';
  return isOpen && found.raw.workflowExecutionInfo?.firstRunId === owner.firstRunId;
}

/** How long a decision to leave something held stands before a person is asked anew. */
const HOLD_MILLISECONDS = 24 * 3600 * 1000;

/** A release that ended with something held was decided so by a person, who is not asked at once. */
async function decidedToHold(client: Client, id: string): Promise<boolean> {
  const found = await describe(client, id);
  if (found?.status.name !== 'COMPLETED') return false;
  if (Date.now() - (found.closeTime?.getTime() ?? 0) > HOLD_MILLISECONDS) return false;
  const held = (await client.workflow.getHandle(id).result()) as Held[];
  return held.length > 0;
}

async function startRelease(watch: ReleaseWatch, attachment: Attachment): Promise<void> {
  const { client, limits, log } = watch;
  const workflowId = releaseWorkflowId(attachment.id);
  if (await decidedToHold(client, workflowId)) return;
  const volume = formatVolume(attachment.volume);
  try {
    await client.workflow.start(WORKFLOWS.releaseAttachment, {
      workflowId,
      taskQueue: WORKFLOW_QUEUE,
      args: [{ attachment, limits }],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: `release ${volume} from ${attachment.owner.hostId}`,
    });
    log.warn('releasing what an ended workflow still holds', {
      workflowId,
      owner: attachment.owner.workflowId,
      volume,
    });
  } catch (error) {
    // Already on its way: starting it twice is a no-op.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

/** Compares what is written down with what runs, and starts `release/…` for what has no owner. */
async function releaseOrphans(watch: ReleaseWatch): Promise<void> {
  for (const attachment of await watch.listAttachments()) {
    try {
      const { namespace } = attachment.owner;
      if (namespace !== watch.client.options.namespace) {
        // Its workflow cannot be asked from here, so nobody knows that it has ended.
        watch.log.warn('a claim is of another namespace', { attachment: attachment.id, namespace });
        continue;
      }
      if (!(await ownerLives(watch.client, attachment))) await startRelease(watch, attachment);
    } catch (error) {
      // One attachment that cannot be judged now must not keep the others from being released.
      watch.log.error('a claim could not be checked', { attachment: attachment.id, error });
    }
  }
}

/** How often what is written down is compared with what runs. */
const WATCH_SECONDS = 20;

/** Looks at once and then again and again; the answer ends it and waits for a look in progress. */
export function watchReleases(watch: ReleaseWatch): () => Promise<void> {
  let looking: Promise<void> | undefined;
  const look = (): void => {
    looking ??= releaseOrphans(watch)
      .catch((error: unknown) => watch.log.error('claims could not be compared', { error }))
      .finally(() => (looking = undefined));
  };
  look();
  const timer = setInterval(look, WATCH_SECONDS * 1000);
  return async () => {
    clearInterval(timer);
    await looking;
  };
}
