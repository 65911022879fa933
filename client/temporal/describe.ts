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
  /** Its id in Temporal. */
  id: string;
  activity: string;
  /** Of its task queue. */
  queue: string;
  attempt: number;
  running: boolean;
  /** When it was handed to its queue for the first time. */
  scheduledAt?: Date;
  /** Somebody paused it in Temporal, by its own CLI or UI. */
  paused?: { by: string; at?: Date; reason?: string };
  /** When the next attempt begins, after one that failed. */
  retryAt?: Date;
  /** The worker that has it, or had it last. */
  worker?: string;
  lastFailure?: string;
  beat?: Beat;
};

export type Described = WorkflowView & { steps: PendingStep[] };

type Pending = proto.temporal.api.workflow.v1.IPendingActivityInfo;

const { PendingActivityState } = proto.temporal.api.enums.v1;
/** While a worker has it. */
const RUNNING: unknown[] = [
  PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
  PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED,
  PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED,
];

function beatOf({ heartbeatDetails, lastHeartbeatTime }: Pending): Beat | undefined {
  const payload = heartbeatDetails?.payloads?.[0];
  if (payload === undefined || !lastHeartbeatTime) return undefined;
  const progress = defaultPayloadConverter.fromPayload<Beat['progress'] | null>(payload);
  if (typeof progress !== 'object' || progress === null) return undefined;
  return { at: tsToDate(lastHeartbeatTime), progress };
}

function pauseOf({ paused, pauseInfo }: Pending): PendingStep['paused'] {
  if (paused !== true) return undefined;
  const { pauseTime, manual, rule } = pauseInfo ?? {};
  // Temporal's Web UI may send no identity.
  const by = manual?.identity || (rule?.ruleId ? `rule ${rule.ruleId}` : 'somebody');
  const reason = manual?.reason ?? rule?.reason;
  return { by, ...(pauseTime ? { at: tsToDate(pauseTime) } : {}), ...(reason ? { reason } : {}) };
}

function stepOf(pending: Pending): PendingStep {
  const beat = beatOf(pending);
  const paused = pauseOf(pending);
  const { lastWorkerIdentity: worker, lastFailure, nextAttemptScheduleTime: next } = pending;
  return {
    id: pending.activityId ?? '',
    activity: pending.activityType?.name ?? '',
    queue: pending.activityOptions?.taskQueue?.name ?? '',
    attempt: pending.attempt ?? 1,
    running: RUNNING.includes(pending.state),
    ...(pending.scheduledTime ? { scheduledAt: tsToDate(pending.scheduledTime) } : {}),
    ...(paused === undefined ? {} : { paused }),
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
