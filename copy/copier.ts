import type { CopyResult, LaneSetting } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import { formatVolume } from '../contract/volume.ts';
import { copyRanges } from './copy-ranges.ts';
import { CopyPaused, type CopyRun } from './copy-run.ts';
import { inspectEnd } from './end-state.ts';
import { devicesOf, openForCopy } from './ends.ts';
import { Journal } from './journal.ts';
import { type Lease, takeLease } from './lease.ts';
import { ProgressReport } from './progress.ts';
import { copierStarter } from './start-copier.ts';
import { Steering } from './steering.ts';
import { stuckError } from './supervise.ts';
import { underLimit } from './throttle/under-limit.ts';

/** Cinder's unit (volume_utils._copy_volume_with_path divides by 1024 * 1024 and says MB). */
const MB = 2 ** 20;

/**
 * That ends which were attached anew still have all that was planned.
 * @throws SourceUnreadable, DestinationUnwritable
 */
function assertLongEnough({ ends, plan: { bytesTotal } }: CopyRun): void {
  for (const [role, { path, sizeBytes }] of devicesOf(ends)) {
    if (sizeBytes >= bytesTotal) continue;
    const because = `it has ${sizeBytes} bytes, of ${bytesTotal} to be copied`;
    const code = role === 'source' ? 'SourceUnreadable' : 'DestinationUnwritable';
    throw new DrayError(code, { device: path, because });
  }
}

/** Answers what lanes settled on, if the engine has any and something was missing. */
async function copyMissing(
  run: CopyRun,
  lease: Lease,
  journal: Journal,
): Promise<LaneSetting | undefined> {
  const steering = await Steering.open(lease, run);
  const { source, destination } = run.volumes;
  const share = run.laneBudget.share([source.backend, destination.backend]);
  try {
    assertLongEnough(run);
    const open = await openForCopy(run.ends, run.volumes);
    const limit = (): number | undefined => steering.limit;
    const report = await ProgressReport.start(journal, run.onProgress, limit);
    try {
      await underLimit(run, lease, steering, share, async (guidance, group) => {
        const start = copierStarter(lease, open, group);
        await copyRanges({ run, lease, journal, report, guidance, start });
      });
      // Where a file was cut off meanwhile no read need have been short: holes are not read.
      for (const [role, device] of devicesOf(run.ends)) await inspectEnd(device, role);
      return report.lanes;
    } finally {
      report.stop();
      await open.close();
    }
  } finally {
    share.end();
    steering.close();
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
    `copied ${size} MiB to ${formatVolume(volumes.destination)} in ${seconds.toFixed(2)} s ` +
      `(${mbPerSecond} MiB/s)`,
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
 * @throws TooManyUnreadable, CopierFenced, CopierStuck, CopyStalled, DeviceLost, DestinationFull,
 * SourceUnreadable, DestinationUnwritable, ShortCopy, CopierFailed, ToolMissing, WorkerSuperseded
 */
export async function runCopy(run: CopyRun): Promise<CopyResult> {
  const { state, volumes, signal, log, limits } = run;
  signal.throwIfAborted();
  const lease = await takeLease(state, volumes.destination, run.copyId, run.token);
  const destination = formatVolume(volumes.destination);
  const { runId = run.wishes.runId } = run.plan;
  const input = { ...run, work: 'copy', mayHaveWritten: runId !== run.wishes.runId } as const;
  const journal = await Journal.open(lease, destination, input, (notice) =>
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
