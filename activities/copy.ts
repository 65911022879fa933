import { Context } from '@temporalio/activity';
import type { Attachment } from '../contract/attachment.ts';
import { DrayError } from '../contract/errors.ts';
import type {
  CopyEnds,
  CopyPlan,
  CopyProgress,
  CopyResult,
  VerifyProgress,
  VerifyResult,
} from '../contract/copy.ts';
import type { TimeLimits } from '../contract/limits.ts';
import { runCopy } from '../copy/copier.ts';
import { firstProgress, runVerify } from '../copy/verify.ts';
import { assertCurrent } from '../system/epoch.ts';
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

export type VerifyCopyInput = Omit<CopyDataInput, 'copyId'>;

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

/** The steps on `host/<id>/copy`: the data. */
export function createCopyActivities(host: HostContext) {
  return {
    async copyData(input: CopyDataInput): Promise<CopyResult> {
      const context = Context.current();
      const { info } = context;
      const last = info.heartbeatDetails as CopyProgress | undefined;
      const pulse = new Pulse(context, input.limits.heartbeatSeconds, last);
      try {
        const { attachments } = input;
        await assertClaimed(host.state, attachments);
        return await runCopy({
          ...input,
          volumes: {
            source: attachments.source.volume,
            destination: attachments.destination.volume,
          },
          reservations: {
            source: reservationOf(attachments.source),
            destination: reservationOf(attachments.destination),
          },
          state: host.state,
          token: `${host.state.epoch.number}/${info.workflowExecution?.runId}/${info.activityId}/${info.attempt}`,
          heartbeat: last,
          signal: context.cancellationSignal,
          onProgress: (progress) => pulse.update(progress),
          log: host.log,
        });
      } finally {
        pulse.stop();
      }
    },

    async verifyCopy(input: VerifyCopyInput): Promise<VerifyResult> {
      assertCurrent(host.state.epoch);
      const context = Context.current();
      const last = context.info.heartbeatDetails as VerifyProgress | undefined;
      const from = last ?? firstProgress(input.plan);
      const pulse = new Pulse(context, input.limits.heartbeatSeconds, from);
      try {
        await assertClaimed(host.state, input.attachments);
        return await runVerify({
          ...input,
          from,
          attempt: context.info.attempt,
          signal: context.cancellationSignal,
          onProgress: (progress) => pulse.update(progress),
        });
      } finally {
        pulse.stop();
      }
    },
  };
}

export type CopyActivities = ReturnType<typeof createCopyActivities>;
