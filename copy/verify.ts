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
import { deviceLost, inspectEnd } from './end-state.ts';
import { openForReading, type OpenEnds } from './ends.ts';
import { LOST_ERRNOS } from './errnos.ts';
import { failedEnd } from './failed-end.ts';
import { Rate } from './rate.ts';
import { answersReads } from './probe.ts';
import { Silence, silenceSeconds } from './silence.ts';
import { stuckError, supervise } from './supervise.ts';

export type VerifyRun = {
  plan: CopyPlan;
  ends: CopyEnds;
  limits: TimeLimits;
  signal: AbortSignal;
  onProgress: (progress: VerifyProgress) => void;
  /** Bytes an earlier attempt found equal, from the start. */
  resumeFrom?: number;
};

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
  return `bs=${block} skip=${offset} count=${length} iflag=${iflag} status=none`;
}

async function collect(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text = (text + (chunk as Buffer).toString('latin1')).slice(0, 4000);
  }
  return text.trim();
}

type Compared = { status: number | null; cmp: string; readers: Record<Role, string> };

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
  const readers = { source: ofSource, destination: ofDestination };
  return { status: exit.status, cmp: `${words} ${errors}`.trim(), readers };
}

/** A reader that failed decides before cmp, which only saw that its data ended. */
async function explain(
  { status, cmp, readers }: Compared,
  range: ByteRange,
  { plan, ends }: VerifyRun,
): Promise<DrayError> {
  for (const role of ['source', 'destination'] as const) {
    const words = readers[role].split('\n')[0] ?? '';
    if (words === '') continue;
    const device = ends[role];
    const errno = failedEnd(words)?.errno;
    if (errno !== undefined && LOST_ERRNOS.has(errno)) return deviceLost(role, device, words);
    await inspectEnd(device, role);
    const direct = (role === 'source' ? plan.sourceDirect : plan.destinationDirect).value;
    if (!(await answersReads(device, plan.bytesTotal, plan.blockBytes, direct))) {
      return deviceLost(role, device, `it does not answer (${words})`);
    }
    const code = role === 'source' ? 'SourceUnreadable' : 'DestinationUnwritable';
    return new DrayError(code, { device: device.path, because: words });
  }
  const differs = /differ: (?:byte|char) (\d+)/.exec(cmp)?.[1];
  if (status === 1 && differs !== undefined) {
    // cmp counts from 1.
    return new DrayError('VerifyFailed', { offset: range.offset + Number(differs) - 1 });
  }
  if (/EOF on /.test(cmp)) {
    // Data that end prove no difference: a reader was killed, or its end has become shorter.
    await inspectEnd(ends.source, 'source');
    await inspectEnd(ends.destination, 'destination');
    return new DrayError('CopierFailed', { status: 'early end of a reader', stderr: cmp });
  }
  return new DrayError('ToolFailed', { tool: 'cmp', status: String(status), stderr: cmp });
}

/** Makes the kernel forget what it holds of an end that cannot be read with O_DIRECT. */
async function dropCache(fd: number, signal: AbortSignal): Promise<void> {
  const args = ['if=/dev/fd/3', 'of=/dev/null', 'iflag=nocache', 'count=0', 'status=none'];
  await supervise(spawn('dd', args, { stdio: ['ignore', 'ignore', 'ignore', fd] }), signal);
}

/**
 * Compares the destination with the source, every byte of the source's size, past the page cache.
 * On abort throws the signal's reason, after the readers have ended.
 * @throws VerifyFailed with the first offset that differs, DeviceLost, SourceUnreadable
 */
export async function runVerify(run: VerifyRun): Promise<VerifyResult> {
  const { plan, signal } = run;
  const { bytesTotal, rangeBytes } = plan;
  const startedAt = performance.now();
  const rate = new Rate();
  const open = await openForReading(run.ends);
  try {
    if (!plan.sourceDirect.value) await dropCache(open.source.fd, signal);
    if (!plan.destinationDirect.value) await dropCache(open.destination.fd, signal);
    const resumeFrom = Math.min(run.resumeFrom ?? 0, bytesTotal);
    // Only whole ranges: an offset must suit O_DIRECT.
    let bytesCompared = Math.floor(resumeFrom / rangeBytes) * rangeBytes;
    while (bytesCompared < bytesTotal) {
      signal.throwIfAborted();
      const length = Math.min(rangeBytes, bytesTotal - bytesCompared);
      const range = { offset: bytesCompared, length };
      const silence = new Silence(silenceSeconds(range, run.limits));
      const stop = AbortSignal.any([signal, silence.signal]);
      const compared = await compareRange(range, plan, open, stop).finally(() => silence.end());
      signal.throwIfAborted();
      if (compared.status !== 0) throw await explain(compared, range, run);
      bytesCompared += length;
      run.onProgress({ bytesCompared, bytesTotal, bytesPerSecond: rate.add(bytesCompared) });
    }
    const seconds = (performance.now() - startedAt) / 1000;
    return { mode: 'full', bytesCompared, seconds };
  } catch (error) {
    throw stuckError(error, run.ends.destination.path) ?? error;
  } finally {
    await open.close();
  }
}
