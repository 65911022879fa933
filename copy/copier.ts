import type { ByteRange, CopyProgress, CopyResult, LaneSetting } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import { formatVolume } from '../contract/volume.ts';
import type { DataRun } from './data-run.ts';
import { openForCopy } from './ends.ts';
import { ddEngine } from './engines/dd.ts';
import { directEngine } from './engines/direct.ts';
import { fileEngine } from './engines/file.ts';
import type { RangeWork } from './engine.ts';
import { explainFailure } from './failure.ts';
import { Journal } from './journal.ts';
import { holdsLease, type Lease, takeLease } from './lease.ts';
import { ProgressReport } from './progress.ts';
import { copierStarter, type StartCopier } from './start-copier.ts';
import { Silence, silenceSeconds } from './silence.ts';
import { stuckError } from './supervise.ts';
import { settle } from './throttle/pacer.ts';
import { openThrottle, type Throttle } from './throttle/throttle.ts';

export type CopyRun = DataRun & {
  /** Details of the last attempt's heartbeat, for a host that has no checkpoint. */
  heartbeat?: unknown;
  onProgress: (progress: CopyProgress) => void;
};

const ENGINES = { dd: ddEngine, direct: directEngine, file: fileEngine };
/** Cinder's unit (volume_utils._copy_volume_with_path divides by 1024 * 1024 and says MB). */
const MB = 2 ** 20;

/** What the ranges of one attempt share. */
type Attempt = {
  run: CopyRun;
  lease: Lease;
  journal: Journal;
  report: ProgressReport;
  throttle: Throttle;
  start: StartCopier;
};

async function copyRange(at: Attempt, range: ByteRange): Promise<void> {
  const { run, lease, journal, report, throttle, start } = at;
  const { plan, ends, volumes, signal } = run;
  const { pace } = throttle;
  const inDoubt = Math.min(range.length, plan.rangeBytes);
  // A copier that keeps a pace says nothing while a request waits for it.
  const paced = pace === undefined ? 0 : plan.maxRequestBytes.value / pace;
  const silence = new Silence(silenceSeconds(inDoubt, run.limits) + paced);
  const work: RangeWork = {
    plan,
    ...(pace === undefined ? {} : { pace }),
    start,
    signal: AbortSignal.any([signal, silence.signal]),
    report: {
      submitted: (bytes, pid, lanes) => {
        silence.broken();
        report.submitted(bytes, pid, lanes);
      },
      flushed: async (done) => {
        await journal.flushed(done);
        silence.broken();
        report.recorded(journal.checkpoint.flushed, journal.chunks.root);
      },
    },
  };
  const outcome = await ENGINES[plan.engine.value].copyRange(range, work).finally(() => {
    silence.end();
    report.ended();
  });
  if (outcome.flushed) return;
  const volume = formatVolume(volumes.destination);
  if (!holdsLease(lease)) throw new DrayError('CopierFenced', { volume });
  await journal.stopped(outcome.moved);
  signal.throwIfAborted();
  const tool = plan.engine.value === 'dd' ? 'dd' : 'the file copier';
  throw await explainFailure(outcome, { volume, ends, plan, range, tool });
}

/** Answers what lanes settled on, if the engine has any and something was missing. */
async function copyMissing(
  run: CopyRun,
  lease: Lease,
  journal: Journal,
): Promise<LaneSetting | undefined> {
  const { plan, signal } = run;
  const open = await openForCopy(run.ends, run.volumes);
  const { checkpoint, chunks } = journal;
  const report = new ProgressReport(checkpoint, chunks.root, run.onProgress);
  try {
    const throttle = await openThrottle(plan, run.ends, lease.directory);
    try {
      const start = copierStarter(lease, open, throttle.group);
      const attempt = { run, lease, journal, report, throttle, start };
      const { streams } = ENGINES[plan.engine.value];
      const mostBytes = streams ? plan.bytesTotal : throttle.mostBytes;
      await journal.begin(Math.min(mostBytes, plan.rangeBytes));
      for (;;) {
        const range = journal.next(mostBytes);
        if (range === undefined) return report.lanes;
        if (signal.aborted) await journal.stopped(0);
        signal.throwIfAborted();
        const startedAt = performance.now();
        await copyRange(attempt, range);
        if (!streams && throttle.pace !== undefined) {
          await settle(range.length, throttle.pace, startedAt, signal);
        }
      }
    } finally {
      await throttle.close();
    }
  } finally {
    report.stop();
    await open.close();
  }
}

async function resultOf(
  journal: Journal,
  lanes: LaneSetting | undefined,
  { log, volumes }: CopyRun,
): Promise<CopyResult> {
  const { startedAt, attempts, bytesTotal: bytes, flushed } = journal.checkpoint;
  const { bytesCopiedAgain, bytesRepaired } = journal.checkpoint;
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
  const counts = { attempts, bytesCopiedAgain, bytesRepaired };
  return { bytes, seconds, mbPerSecond, ...counts, chunkStates, ...lanes };
}

/**
 * One attempt at the copy: takes the destination from every earlier attempt, goes on behind the
 * last range that is known to be flushed, and returns or throws only after its copier has ended.
 * `seconds` counts from the first attempt's start; MB are 2^20 bytes, as Cinder's.
 * On abort throws the signal's reason.
 * @throws CopierFenced, CopierStuck, CopyStalled, DeviceLost, DestinationFull, SourceUnreadable,
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
    signal.throwIfAborted();
    if (!(error instanceof DrayError) || error.code === 'CopierFenced') throw error;
    throw await journal.judge('CopyStalled', error as DrayError, limits);
  } finally {
    await journal.close();
  }
}
