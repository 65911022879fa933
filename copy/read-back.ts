import { type ChildProcess, spawn } from 'node:child_process';
import type { ByteRange, CopyEnds, CopyPlan, LaneSetting } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import type { TimeLimits } from '../contract/limits.ts';
import type { Role } from '../contract/volume.ts';
import { deviceLost, inspectEnd } from './end-state.ts';
import type { OpenEnds } from './ends.ts';
import { failedEnd } from './failed-end.ts';
import { assertAnswers } from './failure.ts';
import { readLimits } from './lane-limits.ts';
import { wholePages } from './lanes/alignment.ts';
import { followLanes, lanesArguments } from './lanes/follow.ts';
import type { ChunkDone, LaneJob } from './lanes/job.ts';
import { directEnds } from './probe.ts';
import { missingBytes, addRange } from './ranges.ts';
import { Silence, silenceSeconds } from './silence.ts';
import { type Exit, supervise } from './supervise.ts';

/** What both ends are read with. */
export type ReadBack = {
  plan: CopyPlan;
  ends: CopyEnds;
  open: OpenEnds;
  limits: TimeLimits;
  signal: AbortSignal;
};

/** The first ones', whatever the copy's: whole pages, so that O_DIRECT takes it. Unit: bytes. */
const REQUEST_BYTES = 2 ** 20;

/** Why the readers ended early: an end that has gone, one that cannot be read, or themselves. */
async function explain(
  { exit, words }: { exit: Exit; words: string },
  { plan, ends }: ReadBack,
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
async function dropCache(role: Role, { ends, open, limits, signal }: ReadBack): Promise<void> {
  const limit = AbortSignal.timeout(limits.patienceSeconds * 1000);
  const args = ['if=/dev/fd/3', 'of=/dev/null', 'iflag=nocache', 'count=0', 'status=none'];
  const child = spawn('dd', args, { stdio: ['ignore', 'ignore', 'ignore', open[role].fd] });
  const { status } = await supervise(child, AbortSignal.any([signal, limit]));
  signal.throwIfAborted();
  if (status !== 0) throw deviceLost(role, ends[role], 'its page cache cannot be dropped');
}

/** Nothing of either end may come from this host's memory. @throws DeviceLost */
export async function dropCaches(read: ReadBack): Promise<void> {
  const { plan } = read;
  const hasTail = wholePages(plan.bytesTotal) !== plan.bytesTotal;
  const direct = directEnds(plan);
  for (const role of ['source', 'destination'] as const) {
    if (hasTail || !direct[role]) await dropCache(role, read);
  }
}

/** Readers that end with their worker. */
function startReaders({ plan, open }: ReadBack, range: ByteRange, reads: Role[]): ChildProcess {
  const job: LaneJob = {
    work: 'digest',
    reads,
    range,
    chunkBytes: plan.chunkBytes,
    requestBytes: REQUEST_BYTES,
    limits: readLimits(plan),
    windowBytes: Number.MAX_SAFE_INTEGER,
    direct: directEnds(plan),
    extents: false,
    zeros: 'write',
    touched: [],
    onReadError: 'fail',
  };
  return spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...lanesArguments(job)], {
    stdio: ['ignore', 'pipe', 'pipe', open.source.fd, open.destination.fd, 'ipc'],
  });
}

/**
 * Reads whole chunks of one end or both, tells their digests, in the order in which they end, and
 * answers what lanes settled on.
 * On abort throws the signal's reason, after the readers have ended; throws what `onChunks` throws.
 * @throws DeviceLost, ReaderFailed, SourceUnreadable, DestinationUnreadable, StuckProcess
 */
export async function readBack(
  read: ReadBack,
  range: ByteRange,
  reads: Role[],
  onChunks: (chunks: ChunkDone[]) => Promise<void>,
): Promise<LaneSetting | undefined> {
  const { plan, limits, signal } = read;
  const { maxLanes, maxRequestBytes } = readLimits(plan);
  // Of a small volume that is next to nothing, and the readers take their time to start.
  const onTheirWay = Math.max(maxLanes * maxRequestBytes, 4 * REQUEST_BYTES);
  const silence = new Silence(silenceSeconds(onTheirWay, limits));
  let done: ByteRange[] = [];
  let lanes: LaneSetting | undefined;
  try {
    const child = startReaders(read, range, reads);
    const ended = await followLanes(child, AbortSignal.any([signal, silence.signal]), {
      moved: (_, setting) => {
        silence.broken();
        lanes = setting;
      },
      done: async (chunks) => {
        await onChunks(chunks);
        done = chunks.reduce(addRange, done);
        return 0;
      },
      notice: () => undefined,
    });
    signal.throwIfAborted();
    if (ended.exit.status !== 0 || missingBytes(done, range) > 0) throw await explain(ended, read);
    return lanes;
  } finally {
    silence.end();
  }
}
