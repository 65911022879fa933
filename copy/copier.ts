import type { ByteRange, CopyProgress, CopyResult, LaneSetting } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import { formatVolume } from '../contract/volume.ts';
import type { DataRun } from './data-run.ts';
import { openForCopy } from './ends.ts';
import { ddEngine } from './engines/dd.ts';
import { directEngine } from './engines/direct.ts';
import { fileEngine } from './engines/file.ts';
import type { Guidance, RangeWork } from './engine.ts';
import { assertAnswers, explainFailure } from './failure.ts';
import { Journal } from './journal.ts';
import { holdsLease, type Lease, takeLease } from './lease.ts';
import { ProgressReport } from './progress.ts';
import { copierStarter, type StartCopier } from './start-copier.ts';
import { Steering, type Wishes } from './steering.ts';
import { Silence, silenceSeconds } from './silence.ts';
import { stuckError } from './supervise.ts';
import { pieceBytes, settle } from './throttle/pacer.ts';
import { openThrottle } from './throttle/throttle.ts';

export type CopyRun = DataRun & {
  wishes: Wishes;
  /** Details of the last attempt's heartbeat, for a host that has no checkpoint. */
  heartbeat?: unknown;
  onProgress: (progress: CopyProgress) => void;
};

const ENGINES = { dd: ddEngine, direct: directEngine, file: fileEngine };
/** Cinder's unit (volume_utils._copy_volume_with_path divides by 1024 * 1024 and says MB). */
const MB = 2 ** 20;

/** The way out of an attempt that was to be paused, not an error; nothing is in doubt. */
export class CopyPaused extends Error {
  constructor(readonly progress: CopyProgress) {
    super('the copy was paused');
  }
}

/** What the ranges of one attempt share. */
type Attempt = {
  run: CopyRun;
  lease: Lease;
  journal: Journal;
  report: ProgressReport;
  guidance: Guidance;
  start: StartCopier;
};

async function copyRange(at: Attempt, range: ByteRange): Promise<void> {
  const { run, lease, journal, report, guidance, start } = at;
  const { plan, ends, volumes, signal, log } = run;
  const inDoubt = Math.min(range.length, plan.rangeBytes);
  const silence = new Silence(silenceSeconds(inDoubt, run.limits));
  // A copier that keeps a pace says nothing while a request waits for it.
  const heard = (): void =>
    silence.broken(plan.maxRequestBytes.value / (guidance.pace ?? Infinity));
  heard();
  const unfollow = guidance.follow(heard);
  const work: RangeWork = {
    plan,
    touched: journal.checkpoint.touched,
    guidance,
    start,
    signal: AbortSignal.any([signal, silence.signal]),
    report: {
      submitted: (bytes, pid, lanes) => {
        heard();
        report.submitted(bytes, pid, lanes);
      },
      flushed: async (done) => {
        if (done.some(({ unreadable = [] }) => unreadable.length > 0)) {
          // Of an end that has gone as a whole nothing can be read either.
          const failed = { role: 'source' as const, errno: 'EIO' };
          await assertAnswers(failed, 'nothing of it can be read', ends.source, plan);
        }
        await journal.flushed(done);
        heard();
        report.recorded(journal.checkpoint, journal.chunks.root);
      },
      notice: (words) => log.warn(words, { copyId: run.copyId }),
    },
  };
  const outcome = await ENGINES[plan.engine.value].copyRange(range, work).finally(() => {
    unfollow();
    silence.end();
    report.ended();
  });
  if (outcome.flushed) return;
  const volume = formatVolume(volumes.destination);
  if (!holdsLease(lease)) throw new DrayError('CopierFenced', { volume });
  await journal.stopped(outcome.paused === true ? 0 : outcome.moved);
  signal.throwIfAborted();
  if (outcome.paused === true) return;
  const tool = plan.engine.value === 'dd' ? 'dd' : 'the file copier';
  throw await explainFailure(outcome, { volume, ends, plan, range, tool });
}

async function copyRanges(at: Attempt): Promise<void> {
  const { run, journal, report, guidance } = at;
  const { plan, signal } = run;
  const { streams } = ENGINES[plan.engine.value];
  const mostBytes = (): number => {
    if (streams) return plan.bytesTotal;
    const { pace } = guidance;
    return pace === undefined
      ? plan.rangeBytes
      : pieceBytes(pace, plan.blockBytes, plan.rangeBytes);
  };
  await journal.begin(Math.min(mostBytes(), plan.rangeBytes));
  for (;;) {
    const most = mostBytes();
    const range = journal.next(most);
    if (range === undefined) return;
    if (signal.aborted) await journal.stopped(0);
    signal.throwIfAborted();
    if (guidance.paused) {
      await journal.paused();
      throw new CopyPaused(report.settled(journal.checkpoint));
    }
    await journal.resize(Math.min(most, plan.rangeBytes));
    const startedAt = performance.now();
    await copyRange(at, range);
    if (!streams) await settle(range.length, guidance, startedAt, signal);
  }
}

/** Keeps the limit that is wanted, and tells copiers which pace that leaves to them. */
async function underLimit(
  run: CopyRun,
  { directory }: Lease,
  steering: Steering,
  act: (guidance: Guidance, group: string | undefined) => Promise<void>,
): Promise<void> {
  const throttle = await openThrottle(run.plan, run.ends, directory, steering.limit);
  let setting = Promise.resolve();
  const unfollow = steering.follow(() => {
    setting = setting
      .then(() => throttle.set(steering.limit))
      .catch((error: unknown) => run.log.warn('a limit could not be set', { error }));
  });
  const guidance: Guidance = {
    get pace() {
      return throttle.group === undefined ? steering.limit : undefined;
    },
    get paused() {
      return steering.paused;
    },
    follow: (listener) => steering.follow(listener),
  };
  try {
    await act(guidance, throttle.group);
  } finally {
    unfollow();
    await setting;
    await throttle.close();
  }
}

/** Answers what lanes settled on, if the engine has any and something was missing. */
async function copyMissing(
  run: CopyRun,
  lease: Lease,
  journal: Journal,
): Promise<LaneSetting | undefined> {
  const { plan, wishes, log } = run;
  const open = await openForCopy(run.ends, run.volumes);
  const { checkpoint, chunks } = journal;
  const report = new ProgressReport(checkpoint, chunks.root, run.onProgress);
  const steering = await Steering.open(lease.directory, wishes, plan.bytesPerSecond, (notice) =>
    log.warn(notice, { copyId: run.copyId }),
  );
  try {
    await underLimit(run, lease, steering, async (guidance, group) => {
      const start = copierStarter(lease, open, group);
      await copyRanges({ run, lease, journal, report, guidance, start });
    });
    return report.lanes;
  } finally {
    steering.close();
    report.stop();
    await open.close();
  }
}

async function resultOf(
  journal: Journal,
  lanes: LaneSetting | undefined,
  { log, volumes }: CopyRun,
): Promise<CopyResult> {
  const { startedAt, attempts, bytesTotal: bytes, flushed, counts } = journal.checkpoint;
  const { bytesCopiedAgain, bytesRepaired, curve, unreadable } = journal.checkpoint;
  const seconds = Math.max((Date.now() - startedAt) / 1000, 0.001);
  const mbPerSecond = Math.round((bytes / MB / seconds) * 100) / 100;
  const size = (bytes / MB).toFixed(2);
  const facts = { source: formatVolume(volumes.source), attempts, bytesCopiedAgain, ...lanes };
  log.info(
    `copied ${size} MB to ${formatVolume(volumes.destination)} in ${seconds.toFixed(2)} s ` +
      `(${mbPerSecond} MB/s)`,
    facts,
  );
  const chunkStates = await journal.chunks.states(flushed);
  return {
    ...{ bytes, seconds, mbPerSecond, attempts, bytesCopiedAgain, bytesRepaired, chunkStates },
    ...{ curve: curve.points, unreadable },
    digestsRoot: journal.chunks.isComplete ? journal.chunks.root : '',
    ...counts,
    ...lanes,
  };
}

/**
 * One attempt at the copy: takes the destination from every earlier attempt, goes on behind the
 * last range that is known to be flushed, and returns or throws only after its copier has ended.
 * `seconds` counts from the first attempt's start; MB are 2^20 bytes, as Cinder's.
 * On abort throws the signal's reason, when it is to be paused CopyPaused.
 * @throws TooManyUnreadable, CopierFenced, CopierStuck, CopyStalled, DeviceLost, DestinationFull, SourceUnreadable,
 * DestinationUnwritable, ShortCopy, CopierFailed, ToolMissing, WorkerSuperseded
 */
export async function runCopy(run: CopyRun): Promise<CopyResult> {
  const { state, volumes, signal, log, limits } = run;
  signal.throwIfAborted();
  const lease = await takeLease(state, volumes.destination, run.copyId, run.token);
  const destination = formatVolume(volumes.destination);
  const journal = await Journal.open(lease, destination, { ...run, work: 'copy' }, (notice) =>
    log.warn(notice, { destination, copyId: run.copyId }),
  );
  try {
    const lanes = await copyMissing(run, lease, journal);
    return await resultOf(journal, lanes, run);
  } catch (error) {
    const stuck = stuckError(error, destination);
    if (stuck !== undefined) throw stuck;
    if (error instanceof CopyPaused) throw error;
    signal.throwIfAborted();
    if (!(error instanceof DrayError) || error.code === 'CopierFenced') throw error;
    throw await journal.judge('CopyStalled', error as DrayError, limits);
  } finally {
    await journal.close();
  }
}
