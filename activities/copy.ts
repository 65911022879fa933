import { Context } from '@temporalio/activity';
import { randomUUID } from 'node:crypto';
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
import { STALL_HEARTBEATS, type TimeLimits } from '../contract/limits.ts';
import { NEWS_SIGNAL } from '../contract/messages.ts';
import { runCompare } from '../copy/compare.ts';
import { runCopy } from '../copy/copier.ts';
import { CopyPaused } from '../copy/copy-run.ts';
import type { DataRun } from '../copy/data-run.ts';
import type { HostCopySettings } from '../copy/plan.ts';
import type { Wishes } from '../copy/steering.ts';
import { runVerify } from '../copy/verify.ts';
import { limitAt } from '../system/config/timetable.ts';
import { assertClaimed, type ClaimedPair, type ClaimedToRead } from './claimed.ts';
import { type HostContext, runIdOf } from './context.ts';
import { DataFlow, flushCounter } from './data-flow.ts';
import { News, type Told } from './news.ts';

/** For a signal to arrive; nothing else is told meanwhile. */
const TELL_MILLISECONDS = 10_000;

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

export type VerifyCopyInput = Omit<CopyDataInput, 'from'> & {
  mode: VerifyMode;
};

/**
 * Heartbeats in a rhythm of its own, with the latest details: a hanging device must not look like
 * a dead worker, and progress must not depend on how often the program reports.
 */
class Pulse<T extends object> {
  #latest: T | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #beat: () => void;
  /** The step has ended, and news of it may still be on their way. */
  #isOver = false;

  constructor(context: Context, seconds: number, initial: T | undefined, news: News) {
    this.#latest = initial;
    this.#beat = () => {
      if (this.#isOver) return;
      const latest = this.#latest;
      context.heartbeat(latest === undefined ? undefined : { ...latest, told: news.told });
    };
    this.#beat();
    // The time-out may have been changed in Temporal since the step was scheduled; 0 is none.
    const milliseconds = context.info.heartbeatTimeoutMs || seconds * 1000;
    this.#timer = setInterval(() => {
      // The next attempt has to know of what is being told, and of what has arrived.
      if (this.#latest !== undefined) void news.look(this.#latest).then(this.#beat);
      this.#beat();
    }, milliseconds / 4);
  }

  update(details: T): void {
    this.#latest = details;
  }

  /** The last details go with the step's end, so that the next attempt knows of them. */
  stop(): void {
    clearInterval(this.#timer);
    this.#beat();
    this.#isOver = true;
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
  const { state, laneBudget, log } = host;
  return {
    ...input,
    volumes: { source: source.volume, destination: destination.volume },
    reservations: { source: reservationOf(source), destination: reservationOf(destination) },
    state,
    laneBudget,
    // A reset of the step in Temporal counts its attempts anew, so that their number names none.
    token: `${state.epoch.number}/${runIdOf(info)}/${info.activityId}/${randomUUID()}`,
    signal,
    log,
  };
}

/** What an attempt knows beside its input. */
type Attempt = Pick<
  DataRun,
  'volumes' | 'reservations' | 'state' | 'laneBudget' | 'token' | 'signal' | 'log'
>;

/** What the workflow is told of this attempt; without Temporal it is told the next time. */
function newsOf(
  context: Context,
  host: string,
  { limits, plan }: CompareInput | CopyDataInput,
  before: Told | undefined,
): News {
  const { workflowId = '', runId } = context.info.workflowExecution ?? {};
  return new News({
    patience: limits.heartbeatSeconds * STALL_HEARTBEATS * 1000,
    requestBytes: 'maxRequestBytes' in plan ? plan.maxRequestBytes.value : 0,
    ...(before === undefined ? {} : { before }),
    tell: (news) => {
      const { client } = context;
      const handle = client.workflow.getHandle(workflowId, runId);
      const deadline = Date.now() + TELL_MILLISECONDS;
      return client.withDeadline(deadline, () => handle.signal(NEWS_SIGNAL, { ...news, host }));
    },
  });
}

/** What the data steps of one host share. */
type DataContext = HostContext & { flow: DataFlow };

/** Does a data step while heartbeat, news and metrics tell of it. */
async function beating<P extends { bytesPerSecond: number }, T>(
  { state, flow }: DataContext,
  input: CompareInput | CopyDataInput,
  from: P | undefined,
  act: (last: P | undefined, onProgress: (progress: P) => void) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const details = context.info.heartbeatDetails as (P & { told?: Told }) | undefined;
  const last: P | undefined = details ?? from;
  const news = newsOf(context, state.hostId, input, details?.told);
  const pulse = new Pulse(context, input.limits.heartbeatSeconds, last, news);
  try {
    await assertClaimed(state, input.attachments);
    return await flow.during(context, (onRate) =>
      act(last, (progress) => {
        pulse.update(progress);
        onRate(progress.bytesPerSecond);
      }),
    );
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

/** What people want of this copy, as the step was started, and what the host says by itself. */
function wishesOf(host: HostContext, { control }: Pick<CopyDataInput, 'control'>): Wishes {
  const runId = runIdOf(Context.current().info);
  return { runId, control, hostLimit: () => hostLimit(host.copy) };
}

/** The steps on `host/<id>/copy`: the data. */
export function createCopyActivities(context: HostContext) {
  const host: DataContext = { ...context, flow: new DataFlow() };
  return {
    async copyData(input: CopyDataInput): Promise<CopyResult | PausedCopy> {
      const onFlushed = flushCounter(Context.current(), input);
      return beating(host, input, input.from, async (heartbeat, tell) => {
        const attempt = { ...attemptAt(host, input), wishes: wishesOf(host, input) };
        const onProgress = (progress: CopyProgress): void => {
          onFlushed(progress);
          tell(progress);
        };
        try {
          return await runCopy({ ...attempt, heartbeat, onProgress });
        } catch (error) {
          if (!(error instanceof CopyPaused)) throw error;
          return { paused: true, progress: error.progress };
        }
      });
    },

    async verifyCopy(input: VerifyCopyInput): Promise<VerifyResult> {
      return beating<VerifyProgress, VerifyResult>(host, input, undefined, (_last, onProgress) =>
        runVerify({ ...attemptAt(host, input), wishes: wishesOf(host, input), onProgress }),
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
