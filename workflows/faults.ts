import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  isCancellation,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Held } from '../contract/copy.ts';
import {
  catalogue,
  describeError,
  type ErrorDescription,
  type ErrorDetails,
  isErrorCode,
} from '../contract/errors.ts';

/** The host was gone while a step waited for it, for a slot or for another attempt. */
export class HostSilent extends Error {
  /** `heartbeat`: the last one of the step. */
  constructor(
    readonly queue: string,
    readonly heartbeat: unknown,
  ) {
    super(`no worker answers on ${queue}`);
  }
}

/** A failed step as the workflow and people see it. */
export type Fault = ErrorDescription;

function fromApplication(failure: ApplicationFailure): Fault {
  const details = failure.details?.[0] as Partial<ErrorDetails> | undefined;
  const code = failure.type ?? 'Unexpected';
  const entry = isErrorCode(code) ? catalogue[code] : catalogue.Unexpected;
  return {
    code,
    // What the SDK itself reports, WorkerShutdown for example, goes away by itself.
    class: details?.class ?? (failure.nonRetryable ? entry.class : 'retry'),
    message: failure.message,
    whatToDo: details?.whatToDo ?? entry.whatToDo,
    params: details?.params ?? {},
  };
}

/** Reads any error that a step can end with. A time-out leaves open whether it took effect. */
export function faultOf(error: unknown, step: string, queue: string): Fault {
  if (error instanceof HostSilent) return describeError('HostGone', { queue: error.queue });
  if (isCancellation(error)) return describeError('Cancelled', {});
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof CancelledFailure) return describeError('Cancelled', {});
  if (cause instanceof ApplicationFailure) return fromApplication(cause);
  if (cause instanceof TimeoutFailure) {
    return cause.timeoutType === 'SCHEDULE_TO_START'
      ? describeError('HostGone', { queue })
      : describeError('StepTimedOut', { step });
  }
  const because = error instanceof Error ? error.message : String(error);
  return describeError('Unexpected', { because });
}

/** How far an attempt came that ended without an answer; undefined where nothing tells. */
export function heartbeatOf(error: unknown): unknown {
  if (error instanceof HostSilent) return error.heartbeat;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof TimeoutFailure ? cause.lastHeartbeatDetails : undefined;
}

/** The failure a workflow ends with, or an Update is refused with. */
export function failureOf(
  fault: Fault,
  message = fault.message,
  held: readonly Held[] = [],
): ApplicationFailure {
  const details: ErrorDetails = {
    class: fault.class,
    whatToDo: fault.whatToDo,
    params: fault.params,
  };
  return ApplicationFailure.create({
    type: fault.code,
    message,
    nonRetryable: true,
    details: held.length > 0 ? [details, { held }] : [details],
  });
}
