import { type ChildProcess, spawn } from 'node:child_process';
import type {
  ByteRange,
  CopyEnds,
  CopyPlan,
  VerifyProgress,
  VerifyResult,
} from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import type { TimeLimits } from '../contract/limits.ts';
import type { Role } from '../contract/volume.ts';
import { deviceLost, inspectEnd } from './end-state.ts';
import { openForReading, type OpenEnds } from './ends.ts';
import { failedEnd } from './failed-end.ts';
import { assertAnswers } from './failure.ts';
import { wholePages } from './lanes/alignment.ts';
import { followLanes, lanesArguments } from './lanes/follow.ts';
import type { LaneJob } from './lanes/job.ts';
import { Rate } from './rate.ts';
import { directEnds } from './probe.ts';
import { addRange, missingBytes, reachFrom } from './ranges.ts';
import { Silence, silenceSeconds } from './silence.ts';
import { stalled } from './stall.ts';
import { type Exit, stuckError, supervise } from './supervise.ts';

export type VerifyRun = {
  plan: CopyPlan;
  ends: CopyEnds;
  limits: TimeLimits;
  signal: AbortSignal;
  onProgress: (progress: VerifyProgress) => void;
  /** Counts from 1. */
  attempt: number;
  /** How far the attempts before this one came; see firstProgress. */
  from: VerifyProgress;
};

/** Before anything was compared. */
export function firstProgress({ bytesTotal }: CopyPlan): VerifyProgress {
  const nothing = { bytesCompared: 0, bytesTotal, bytesPerSecond: 0 };
  return { ...nothing, progressAttempt: 0, progressAt: Date.now() };
}

/** Whatever the block size of the copy: whole pages, so that O_DIRECT takes it. Unit: bytes. */
const REQUEST_BYTES = 2 ** 20;

/** Why the readers ended early: an end that has gone, one that cannot be read, or themselves. */
async function explain(
  { exit, words }: { exit: Exit; words: string },
  { plan, ends }: VerifyRun,
): Promise<DrayError> {
  const failed = failedEnd(words);
  if (failed === undefined) {
    await inspectEnd(ends.source, 'source');
    await inspectEnd(ends.destination, 'destination');
    const status = exit.signal ?? `exit status ${exit.status}`;
    return new DrayError('ReaderFailed', { status, stderr: words });
  }
  const { role, errno } = failed;
  await assertAnswers({ role, errno }, words, { plan, ends });
  const code = role === 'source' ? 'SourceUnreadable' : 'DestinationUnreadable';
  return new DrayError(code, { device: ends[role].path, because: words });
}

/**
 * Makes the kernel forget what it holds of an end that cannot be read with O_DIRECT.
 * @throws DeviceLost when the end does not let it
 */
async function dropCache(role: Role, fd: number, run: VerifyRun): Promise<void> {
  const limit = AbortSignal.timeout(run.limits.patienceSeconds * 1000);
  const args = ['if=/dev/fd/3', 'of=/dev/null', 'iflag=nocache', 'count=0', 'status=none'];
  const child = spawn('dd', args, { stdio: ['ignore', 'ignore', 'ignore', fd] });
  const { status } = await supervise(child, AbortSignal.any([run.signal, limit]));
  run.signal.throwIfAborted();
  if (status !== 0) throw deviceLost(role, run.ends[role], 'its page cache cannot be dropped');
}

/** VerifyStalled in time; a lost device is mended by the workflow, which counts by itself. */
function judge(error: unknown, progress: VerifyProgress, { attempt, limits }: VerifyRun): unknown {
  if (!(error instanceof DrayError) || error.code === 'DeviceLost') return error;
  const idle = { attempts: attempt - progress.progressAttempt, since: progress.progressAt };
  return stalled('VerifyStalled', error as DrayError, idle, limits) ?? error;
}

/** Nothing of either end may come from this host's memory. */
async function dropCaches(run: VerifyRun, open: OpenEnds): Promise<void> {
  const { plan } = run;
  const hasTail = wholePages(plan.bytesTotal) !== plan.bytesTotal;
  const direct = directEnds(plan);
  for (const role of ['source', 'destination'] as const) {
    if (hasTail || !direct[role]) await dropCache(role, open[role].fd, run);
  }
}

/** Readers that end with their worker; `range` begins where the attempts before have come to. */
function startReaders({ plan }: VerifyRun, range: ByteRange, open: OpenEnds): ChildProcess {
  const job: LaneJob = {
    work: 'compare',
    range,
    chunkBytes: Math.ceil(plan.chunkBytes / REQUEST_BYTES) * REQUEST_BYTES,
    requestBytes: REQUEST_BYTES,
    lanes: plan.lanes,
    windowBytes: Number.MAX_SAFE_INTEGER,
    direct: directEnds(plan),
    skipZeros: false,
  };
  return spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...lanesArguments(job)], {
    stdio: ['ignore', 'pipe', 'pipe', open.source.fd, open.destination.fd, 'ipc'],
  });
}

/** Compares what is left; `onProgress` gets how far it came without a gap. */
async function compareAll(
  run: VerifyRun,
  onProgress: (progress: VerifyProgress) => void,
): Promise<void> {
  const { plan, signal, attempt } = run;
  const { bytesTotal } = plan;
  const { bytesCompared: offset } = run.from;
  const rate = new Rate();
  const open = await openForReading(run.ends);
  let silence: Silence | undefined;
  try {
    await dropCaches(run, open);
    const heard = new Silence(silenceSeconds(plan.lanes * REQUEST_BYTES, run.limits));
    silence = heard;
    const child = startReaders(run, { offset, length: bytesTotal - offset }, open);
    let compared: ByteRange[] = addRange([], { offset: 0, length: offset });
    const ended = await followLanes(child, AbortSignal.any([signal, heard.signal]), {
      moved: () => heard.broken(),
      done: (chunks) => {
        const differing = chunks.find(({ differsAt }) => differsAt !== undefined);
        if (differing?.differsAt !== undefined) {
          throw new DrayError('VerifyFailed', { offset: differing.differsAt });
        }
        compared = chunks.reduce(addRange, compared);
        const bytesCompared = reachFrom(compared, 0);
        const bytesPerSecond = rate.add(bytesCompared);
        const seen = { progressAttempt: attempt, progressAt: Date.now() };
        onProgress({ bytesCompared, bytesTotal, bytesPerSecond, ...seen });
        return Promise.resolve(bytesCompared);
      },
    });
    signal.throwIfAborted();
    if (ended.exit.status !== 0 || missingBytes(compared, { offset: 0, length: bytesTotal }) > 0) {
      throw await explain(ended, run);
    }
  } finally {
    silence?.end();
    await open.close();
  }
}

/**
 * Compares the destination with the source, every byte of the source's size, past the page cache.
 * On abort throws the signal's reason, after the readers have ended.
 * @throws VerifyFailed with a byte that differs, DeviceLost, ReaderFailed, SourceUnreadable,
 * DestinationUnreadable, VerifyStalled, CopierStuck
 */
export async function runVerify(run: VerifyRun): Promise<VerifyResult> {
  const startedAt = performance.now();
  let progress = run.from;
  try {
    await compareAll(run, (latest) => {
      progress = latest;
      run.onProgress(latest);
    });
  } catch (error) {
    throw stuckError(error, run.ends.destination.path) ?? judge(error, progress, run);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { mode: 'full', bytesCompared: run.plan.bytesTotal, seconds };
}
