import { Context } from '@temporalio/activity';
import type { Attachment } from '../contract/attachment.ts';
import { DrayError } from '../contract/errors.ts';
import type {
  CopyEnds,
  CopyPlan,
  CopyProgress,
  CopyResult,
  VerifyMode,
  VerifyProgress,
  VerifyResult,
} from '../contract/copy.ts';
import type { TimeLimits } from '../contract/limits.ts';
import { runCopy } from '../copy/copier.ts';
import type { DataRun } from '../copy/data-run.ts';
import { runVerify } from '../copy/verify.ts';
import { assertClaimed, type ClaimedPair } from './claimed.ts';
import type { HostContext } from './context.ts';

export type CopyDataInput = {
  /** The same for every attempt and every host of one copy. */
  copyId: string;
  plan: CopyPlan;
  ends: CopyEnds;
  attachments: ClaimedPair;
  limits: TimeLimits;
};

export type VerifyCopyInput = CopyDataInput & { mode: Exclude<VerifyMode, 'off'> };

/**
 * Heartbeats in a rhythm of its own, with the latest details: a hanging device must not look like
 * a dead worker, and progress must not depend on how often the program reports.
 */
class Pulse<T> {
  #latest: T | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #beat: () => void;

  constructor(context: Context, seconds: number, initial: T | undefined) {
    this.#latest = initial;
    this.#beat = () => context.heartbeat(this.#latest);
    this.#beat();
    this.#timer = setInterval(this.#beat, (seconds * 1000) / 4);
  }

  update(details: T): void {
    this.#latest = details;
  }

  /** The last details go with the step's end, so that the next attempt knows of them. */
  stop(): void {
    clearInterval(this.#timer);
    this.#beat();
  }
}

/** @throws Unexpected for one that was never exported */
function reservationOf({ id, exported }: Attachment): string {
  if (exported !== undefined) return exported.reservation;
  throw new DrayError('Unexpected', { because: `attachment ${id} has no reservation` });
}

/** What both data steps work with; `token` names this attempt and no other. */
function dataRun(host: HostContext, input: CopyDataInput): DataRun {
  const { info, cancellationSignal: signal } = Context.current();
  const { source, destination } = input.attachments;
  const { state, log } = host;
  const run = info.workflowExecution?.runId;
  return {
    ...input,
    volumes: { source: source.volume, destination: destination.volume },
    reservations: { source: reservationOf(source), destination: reservationOf(destination) },
    state,
    token: `${state.epoch.number}/${run}/${info.activityId}/${info.attempt}`,
    signal,
    log,
  };
}

/** Does a data step while the heartbeat tells of it. */
async function beating<P, T>(
  host: HostContext,
  { limits, attachments }: CopyDataInput,
  act: (last: P | undefined, onProgress: (progress: P) => void) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const last = context.info.heartbeatDetails as P | undefined;
  const pulse = new Pulse(context, limits.heartbeatSeconds, last);
  try {
    await assertClaimed(host.state, attachments);
    return await act(last, (progress) => pulse.update(progress));
  } finally {
    pulse.stop();
  }
}

/** The steps on `host/<id>/copy`: the data. */
export function createCopyActivities(host: HostContext) {
  return {
    async copyData(input: CopyDataInput): Promise<CopyResult> {
      return beating<CopyProgress, CopyResult>(host, input, (heartbeat, onProgress) =>
        runCopy({ ...dataRun(host, input), heartbeat, onProgress }),
      );
    },

    async verifyCopy(input: VerifyCopyInput): Promise<VerifyResult> {
      return beating<VerifyProgress, VerifyResult>(host, input, (_last, onProgress) =>
        runVerify({ ...dataRun(host, input), mode: input.mode, onProgress }),
      );
    },
  };
}

export type CopyActivities = ReturnType<typeof createCopyActivities>;
