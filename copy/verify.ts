import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
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
import { DdStatus } from './dd-status.ts';
import { deviceLost, inspectEnd } from './end-state.ts';
import { openForReading, type OpenEnds } from './ends.ts';
import { LOST_ERRNOS } from './errnos.ts';
import { failedEnd } from './failed-end.ts';
import { Rate } from './rate.ts';
import { answersReads } from './probe.ts';
import { Silence, silenceSeconds } from './silence.ts';
import { stalled } from './stall.ts';
import { stuckError, supervise } from './supervise.ts';

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

/**
 * Two dd, one cmp, no data through this process. A death signal does not pass to children, so
 * each has its own: worker to shell, shell to readers. $1 and $2 are their arguments, $3 the bytes.
 * A reader's own words go to 5 (source) and 6 (destination).
 */
const COMPARE = `
  set -f
  setpriv --pdeathsig KILL -- dd if=/dev/fd/3 $1 2>&5 | {
    exec 7<&0
    setpriv --pdeathsig KILL -- dd if=/dev/fd/4 $2 2>&6 |
      setpriv --pdeathsig KILL -- cmp -n "$3" /dev/fd/7 -
  }`;

function readerArguments({ offset, length }: ByteRange, block: number, direct: boolean): string {
  const iflag = `count_bytes,skip_bytes,fullblock${direct ? ',direct' : ''}`;
  return `bs=${block} skip=${offset} count=${length} iflag=${iflag}`;
}

async function collect(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text = (text + (chunk as Buffer).toString('latin1')).slice(0, 4000);
  }
  return text.trim();
}

/** What a reader said of itself: the bytes it has read to its end, and any complaint. */
type Reader = { bytes?: number; words: string };
type Compared = { status: number | null; cmp: string; readers: Record<Role, Reader> };

function readerOf(text: string): Reader {
  const status = new DdStatus();
  const lines = [...status.push(Buffer.from(text, 'latin1')), ...status.end()];
  const bytes = lines.find((line) => line.kind === 'closing')?.bytes;
  const words = lines.flatMap((line) => ('text' in line ? [line.text] : [])).join('; ');
  return { words, ...(bytes === undefined ? {} : { bytes }) };
}

/** cmp also finds nothing to differ where both readers read nothing: their own counts decide. */
function isEqual({ status, readers }: Compared, { length }: ByteRange): boolean {
  return status === 0 && readers.source.bytes === length && readers.destination.bytes === length;
}

async function compareRange(
  range: ByteRange,
  plan: CopyPlan,
  open: OpenEnds,
  signal: AbortSignal,
): Promise<Compared> {
  const source = readerArguments(range, plan.blockBytes, plan.sourceDirect.value);
  const destination = readerArguments(range, plan.blockBytes, plan.destinationDirect.value);
  const shell = ['sh', '-c', COMPARE, 'compare', source, destination, String(range.length)];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...shell], {
    stdio: ['ignore', 'pipe', 'pipe', open.source.fd, open.destination.fd, 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  // Wider than the type of the standard three: 5 and 6 are the readers' own words.
  const streams: readonly unknown[] = child.stdio;
  const texts = Promise.all([1, 2, 5, 6].map((fd) => collect(streams[fd] as Readable)));
  const exit = await supervise(child, signal);
  const [words = '', errors = '', ofSource = '', ofDestination = ''] = await texts;
  const readers = { source: readerOf(ofSource), destination: readerOf(ofDestination) };
  return { status: exit.status, cmp: `${words} ${errors}`.trim(), readers };
}

/** A reader that failed decides before cmp, which only saw that its data ended. */
async function explain(
  { status, cmp, readers }: Compared,
  range: ByteRange,
  { plan, ends }: VerifyRun,
): Promise<DrayError> {
  for (const role of ['source', 'destination'] as const) {
    const { words } = readers[role];
    if (words === '') continue;
    const device = ends[role];
    const errno = failedEnd(words)?.errno;
    if (errno !== undefined && LOST_ERRNOS.has(errno)) return deviceLost(role, device, words);
    await inspectEnd(device, role);
    const direct = (role === 'source' ? plan.sourceDirect : plan.destinationDirect).value;
    if (!(await answersReads(device, plan.bytesTotal, plan.blockBytes, direct))) {
      return deviceLost(role, device, `it does not answer (${words})`);
    }
    const code = role === 'source' ? 'SourceUnreadable' : 'DestinationUnreadable';
    return new DrayError(code, { device: device.path, because: words });
  }
  const differs = /differ: (?:byte|char) (\d+)/.exec(cmp)?.[1];
  if (status === 1 && differs !== undefined) {
    // cmp counts from 1.
    return new DrayError('VerifyFailed', { offset: range.offset + Number(differs) - 1 });
  }
  if (status === 0 || /EOF on /.test(cmp)) {
    // Data that end prove no difference: a reader was killed, or its end has become shorter.
    await inspectEnd(ends.source, 'source');
    await inspectEnd(ends.destination, 'destination');
    return new DrayError('CopierFailed', { status: 'early end of a reader', stderr: cmp });
  }
  return new DrayError('ToolFailed', { tool: 'cmp', status: String(status), stderr: cmp });
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

/** Compares range by range; `onProgress` gets how far it came after each. */
async function compareAll(
  run: VerifyRun,
  onProgress: (progress: VerifyProgress) => void,
): Promise<void> {
  const { plan, signal, attempt } = run;
  const { bytesTotal, rangeBytes } = plan;
  const rate = new Rate();
  const open = await openForReading(run.ends);
  try {
    if (!plan.sourceDirect.value) await dropCache('source', open.source.fd, run);
    if (!plan.destinationDirect.value) await dropCache('destination', open.destination.fd, run);
    // Only whole ranges: an offset must suit O_DIRECT.
    let bytesCompared = Math.floor(run.from.bytesCompared / rangeBytes) * rangeBytes;
    while (bytesCompared < bytesTotal) {
      signal.throwIfAborted();
      const length = Math.min(rangeBytes, bytesTotal - bytesCompared);
      const range = { offset: bytesCompared, length };
      const silence = new Silence(silenceSeconds(range, run.limits));
      const stop = AbortSignal.any([signal, silence.signal]);
      const compared = await compareRange(range, plan, open, stop).finally(() => silence.end());
      signal.throwIfAborted();
      if (!isEqual(compared, range)) throw await explain(compared, range, run);
      bytesCompared += length;
      const bytesPerSecond = rate.add(bytesCompared);
      const seen = { progressAttempt: attempt, progressAt: Date.now() };
      onProgress({ bytesCompared, bytesTotal, bytesPerSecond, ...seen });
    }
  } finally {
    await open.close();
  }
}

/**
 * Compares the destination with the source, every byte of the source's size, past the page cache.
 * On abort throws the signal's reason, after the readers have ended.
 * @throws VerifyFailed with the first offset that differs, DeviceLost, SourceUnreadable,
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
