import { Context } from '@temporalio/activity';
import type { Attachment } from '../contract/attachment.ts';
import type { CopyControl } from '../contract/control.ts';
import { DrayError } from '../contract/errors.ts';
import type {
  CopyEnds,
  CopyPlan,
  CopyProgress,
  CopyResult,
  PausedCopy,
  VerifyMode,
  VerifyProgress,
  VerifyResult,
} from '../contract/copy.ts';
import type { CertifiedBytes, Comparison, ReadEnds, ReadPlan } from '../contract/verify.ts';
import type { TimeLimits } from '../contract/limits.ts';
import { runCompare } from '../copy/compare.ts';
import { CopyPaused, runCopy } from '../copy/copier.ts';
import type { DataRun } from '../copy/data-run.ts';
import type { HostCopySettings } from '../copy/plan.ts';
import { runVerify } from '../copy/verify.ts';
import { limitAt } from '../system/config/timetable.ts';
import { assertClaimed, type ClaimedPair, type ClaimedToRead } from './claimed.ts';
import { type HostContext, runIdOf } from './context.ts';

export type CopyDataInput = {
  /** The same for every attempt and every host of one copy. */
  copyId: string;
  plan: CopyPlan;
  ends: CopyEnds;
  attachments: ClaimedPair;
  limits: TimeLimits;
  /** The newest when the step was started. */
  control: CopyControl;
  /** How far a step before this one came that was paused. */
  from?: CopyProgress;
};

/** As for a copy, of what only reads. */
export type CompareInput = Pick<CopyDataInput, 'copyId' | 'limits'> & {
  plan: ReadPlan;
  ends: ReadEnds;
  attachments: ClaimedToRead;
  /** Instead of a source. */
  certificate?: CertifiedBytes;
};

export type VerifyCopyInput = Omit<CopyDataInput, 'control' | 'from'> & {
  mode: Exclude<VerifyMode, 'off'>;
};

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

/** What all data steps work with; `token` names this attempt and no other. */
function attemptAt<I extends CompareInput>(host: HostContext, input: I): I & Attempt {
  const { info, cancellationSignal: signal } = Context.current();
  const { destination, source = destination } = input.attachments;
  const { state, log } = host;
  return {
    ...input,
    volumes: { source: source.volume, destination: destination.volume },
    reservations: { source: reservationOf(source), destination: reservationOf(destination) },
    state,
    token: `${state.epoch.number}/${runIdOf(info)}/${info.activityId}/${info.attempt}`,
    signal,
    log,
  };
}

/** What an attempt knows beside its input. */
type Attempt = Pick<DataRun, 'volumes' | 'reservations' | 'state' | 'token' | 'signal' | 'log'>;

/** Does a data step while the heartbeat tells of it. */
async function beating<P, T>(
  host: HostContext,
  { limits, attachments }: CompareInput,
  from: P | undefined,
  act: (last: P | undefined, onProgress: (progress: P) => void) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const last = (context.info.heartbeatDetails as P | undefined) ?? from;
  const pulse = new Pulse(context, limits.heartbeatSeconds, last);
  try {
    await assertClaimed(host.state, attachments);
    return await act(last, (progress) => pulse.update(progress));
  } finally {
    pulse.stop();
  }
}

/** What the host's own settings say of the rate now. Unit: bytes a second; undefined: no limit. */
function hostLimit({ timetable, bytesPerSecond }: HostCopySettings): number | undefined {
  if (timetable === undefined) return undefined;
  const limit = limitAt(timetable, new Date());
  return limit === 'unlimited' ? undefined : (limit ?? bytesPerSecond);
}

/** The steps on `host/<id>/copy`: the data. */
export function createCopyActivities(host: HostContext) {
  return {
    async copyData(input: CopyDataInput): Promise<CopyResult | PausedCopy> {
      const { control, from } = input;
      const runId = runIdOf(Context.current().info);
      const wishes = { runId, control, hostLimit: () => hostLimit(host.copy) };
      return beating(host, input, from, async (heartbeat, onProgress) => {
        try {
          return await runCopy({ ...attemptAt(host, input), wishes, heartbeat, onProgress });
        } catch (error) {
          if (!(error instanceof CopyPaused)) throw error;
          return { paused: true, progress: error.progress };
        }
      });
    },

    async verifyCopy(input: VerifyCopyInput): Promise<VerifyResult> {
      return beating<VerifyProgress, VerifyResult>(host, input, undefined, (_last, onProgress) =>
        runVerify({ ...attemptAt(host, input), onProgress }),
      );
    },

    async compareVolumes(input: CompareInput): Promise<Comparison> {
      return beating<VerifyProgress, Comparison>(host, input, undefined, (_last, onProgress) =>
        runCompare({ ...attemptAt(host, input), onProgress }),
      );
    },
  };
}

export type CopyActivities = ReturnType<typeof createCopyActivities>;
