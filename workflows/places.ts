import {
  ActivityCancellationType,
  type ActivityOptions,
  proxyActivities,
} from '@temporalio/workflow';
import type { BackendActivities } from '../activities/backend.ts';
import type { CopyActivities } from '../activities/copy.ts';
import type { HostActivities } from '../activities/host.ts';
import type { LeaksActivities } from '../activities/leaks.ts';
import { attemptsWithin, type TimeLimits } from '../contract/limits.ts';
import { backendQueue, copyQueue, hostQueue, WORKFLOW_QUEUE } from '../contract/queues.ts';
import type { VolumeRef } from '../contract/volume.ts';

/** Where a step runs, and with which time limits. */
export type Place<A> = {
  queue: string;
  bind: (limits: TimeLimits, summary: string) => A;
  /** Of a host's queue. */
  host?: string;
};

/** Where a slot, and another attempt, are waited for without limit. */
export type DataPlace<A> = Place<A> & { host: string; isData: true };

/** A copy may run for weeks: it is bounded by progress, not by time. */
const DATA_STEP_LIMIT = '365 days';

/**
 * Nothing is undone while a cancelled step may still take effect. Named, since what the SDK really
 * does when it is left out is TRY_CANCEL.
 */
const WAIT = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** What is lost has to be made anew before another attempt makes sense. */
const NOT_BY_RETRY = ['DeviceLost', 'ExportLost'];
/** Temporal's name for an attempt whose worker fell silent: it says how far that came, and ends. */
const SILENCE = 'TemporalTimeout:Heartbeat';

function backoff(limits: TimeLimits): ActivityOptions['retry'] & object {
  return {
    initialInterval: limits.retryInitialSeconds * 1000,
    backoffCoefficient: 2,
    maximumInterval: limits.retryMaximumSeconds * 1000,
  };
}

/** No schedule-to-close: a host that is gone is noticed, but a clean-up is never given up. */
function controlOptions(queue: string, limits: TimeLimits, summary: string): ActivityOptions {
  return {
    taskQueue: queue,
    summary,
    startToCloseTimeout: limits.stepSeconds * 1000,
    scheduleToStartTimeout: limits.scheduleToStartSeconds * 1000,
    heartbeatTimeout: limits.heartbeatSeconds * 1000,
    cancellationType: WAIT,
    retry: {
      ...backoff(limits),
      nonRetryableErrorTypes: NOT_BY_RETRY,
      maximumAttempts: attemptsWithin(limits),
    },
  };
}

/** The queue of whoever can drive the volume's backend. */
export function backendOf(volume: VolumeRef): Place<BackendActivities> {
  const queue = backendQueue(volume.backend);
  return {
    queue,
    bind: (limits, summary) =>
      proxyActivities<BackendActivities>(controlOptions(queue, limits, summary)),
  };
}

/** The host's own queue, which never waits behind a copy. */
export function hostOf(host: string): Place<HostActivities> {
  const queue = hostQueue(host);
  return {
    queue,
    host,
    bind: (limits, summary) =>
      proxyActivities<HostActivities>(controlOptions(queue, limits, summary)),
  };
}

/** Any worker: what is asked there only concerns Temporal itself. */
export const ANYWHERE: Place<LeaksActivities> = {
  queue: WORKFLOW_QUEUE,
  bind: (limits, summary) =>
    proxyActivities<LeaksActivities>(controlOptions(WORKFLOW_QUEUE, limits, summary)),
};

/** The host's slots for data. Attempts without limit; waiting for a slot has none either. */
export function copySlotOf(host: string): DataPlace<CopyActivities> {
  const queue = copyQueue(host);
  return {
    queue,
    host,
    isData: true,
    bind: (limits, summary) =>
      proxyActivities<CopyActivities>({
        taskQueue: queue,
        summary,
        startToCloseTimeout: DATA_STEP_LIMIT,
        heartbeatTimeout: limits.heartbeatSeconds * 1000,
        cancellationType: WAIT,
        retry: { ...backoff(limits), nonRetryableErrorTypes: [...NOT_BY_RETRY, SILENCE] },
      }),
  };
}
