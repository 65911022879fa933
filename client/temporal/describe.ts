import { type Client, defaultPayloadConverter, WorkflowNotFoundError } from '@temporalio/client';
import { tsToDate, tsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import type { CopyProgress, VerifyProgress } from '../../contract/copy.ts';
import { DrayError } from '../../contract/errors.ts';
import { type RunRef, viewOf, type WorkflowView } from './workflow-view.ts';

/** The last heartbeat of a data step, and when it was sent. */
export type Beat = { at: Date; progress: Partial<CopyProgress & VerifyProgress> };

/** A step that Temporal waits for. */
export type PendingStep = {
  activity: string;
  attempt: number;
  running: boolean;
  /** When the next attempt begins, after one that failed. */
  retryAt?: Date;
  /** The worker that has it, or had it last. */
  worker?: string;
  lastFailure?: string;
  beat?: Beat;
};

export type Described = WorkflowView & { steps: PendingStep[] };

type Pending = proto.temporal.api.workflow.v1.IPendingActivityInfo;

const { PENDING_ACTIVITY_STATE_SCHEDULED } = proto.temporal.api.enums.v1.PendingActivityState;

function beatOf({ heartbeatDetails, lastHeartbeatTime }: Pending): Beat | undefined {
  const payload = heartbeatDetails?.payloads?.[0];
  if (payload === undefined || !lastHeartbeatTime) return undefined;
  const progress = defaultPayloadConverter.fromPayload<Beat['progress'] | null>(payload);
  if (typeof progress !== 'object' || progress === null) return undefined;
  return { at: tsToDate(lastHeartbeatTime), progress };
}

function stepOf(pending: Pending): PendingStep {
  const beat = beatOf(pending);
  const { lastWorkerIdentity: worker, lastFailure, nextAttemptScheduleTime: next } = pending;
  return {
    activity: pending.activityType?.name ?? '',
    attempt: pending.attempt ?? 1,
    running: pending.state !== PENDING_ACTIVITY_STATE_SCHEDULED,
    ...(next && tsToMs(next) > Date.now() ? { retryAt: tsToDate(next) } : {}),
    ...(worker ? { worker } : {}),
    ...(lastFailure?.message ? { lastFailure: lastFailure.message } : {}),
    ...(beat === undefined ? {} : { beat }),
  };
}

/** @throws WorkflowNotFound */
export async function describe(client: Client, { workflowId, runId }: RunRef): Promise<Described> {
  try {
    const info = await client.workflow.getHandle(workflowId, runId).describe();
    return { ...viewOf(info), steps: (info.raw.pendingActivities ?? []).map(stepOf) };
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw new DrayError('WorkflowNotFound', { id: workflowId }, { cause: error });
  }
}
