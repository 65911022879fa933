import type { ByteRange } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import { formatVolume } from '../contract/volume.ts';
import { CopyPaused, type CopyRun } from './copy-run.ts';
import { ddEngine } from './engines/dd.ts';
import { directEngine } from './engines/direct.ts';
import { fileEngine } from './engines/file.ts';
import type { Guidance, RangeWork } from './engine.ts';
import { assertUnreadable, explainFailure } from './failure.ts';
import type { Journal } from './journal.ts';
import { holdsLease, type Lease } from './lease.ts';
import type { ProgressReport } from './progress.ts';
import { Silence, silenceSeconds } from './silence.ts';
import type { StartCopier } from './start-copier.ts';
import { pieceBytes, settle } from './throttle/pacer.ts';

const ENGINES = { dd: ddEngine, direct: directEngine, file: fileEngine };

/** What the ranges of one attempt share. */
export type Attempt = {
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
        const bad = done.flatMap(({ unreadable = [] }) => unreadable);
        if (bad.length > 0) await assertUnreadable(bad, ends.source, plan);
        await journal.flushed(done);
        heard();
        report.recorded(journal.checkpoint);
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

/** Moves what the journal says is missing, until nothing is. @throws CopyPaused between ranges */
export async function copyRanges(at: Attempt): Promise<void> {
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
  report.recorded(journal.checkpoint);
  for (;;) {
    const most = mostBytes();
    const range = journal.next(most);
    if (range === undefined) return;
    if (signal.aborted) await journal.stopped(0);
    signal.throwIfAborted();
    await journal.resize(Math.min(most, plan.rangeBytes));
    // The last look before the engine follows by itself.
    if (guidance.paused) {
      await journal.paused();
      throw new CopyPaused(await report.settled(journal.checkpoint));
    }
    const startedAt = performance.now();
    await copyRange(at, range);
    if (!streams) await settle(range.length, guidance, startedAt, signal);
  }
}
