import { spawn, type StdioOptions } from 'node:child_process';
import type { Device } from '../contract/attachment.ts';
import type { ByteRange, LaneSetting } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import type { TimeLimits } from '../contract/limits.ts';
import type { ReadEnds, ReadPlan } from '../contract/verify.ts';
import { formatVolume, type Role, type VolumeRef } from '../contract/volume.ts';
import { FENCED_STATUS } from '../system/epoch.ts';
import { deviceLost, inspectEnd } from './end-state.ts';
import { devicesOf, type OpenToRead } from './ends.ts';
import type { Guidance } from './engine.ts';
import { failedEnd } from './failed-end.ts';
import { assertAnswers } from './failure.ts';
import { readLimits } from './lane-limits.ts';
import { wholePages } from './lanes/alignment.ts';
import { command, followLanes, lanesArguments } from './lanes/follow.ts';
import type { ChunkDone, LaneJob } from './lanes/job.ts';
import { LOCKED_STATUS } from './lease.ts';
import { directEnds } from './probe.ts';
import { missingBytes, addRange } from './ranges.ts';
import { Silence, silenceSeconds } from './silence.ts';
import type { StartCopier } from './start-copier.ts';
import { type Exit, supervise } from './supervise.ts';

/** How fast each end may be read, and with how many lanes; followed while it changes. */
export type Pace = Pick<Guidance, 'pace' | 'lanes' | 'follow'>;

/** What is heard of chunks that are read: in the order in which they end, and of all requests. */
export type ChunksRead = {
  done: (chunks: ChunkDone[]) => Promise<void>;
  /** Bytes of all requests of all ends so far. */
  moved: (bytes: number) => void;
};

/** What the ends are read with. */
export type ReadBack = {
  plan: ReadPlan;
  ends: ReadEnds;
  open: OpenToRead;
  volumes: { destination: VolumeRef };
  /** As a copier, under the destination's lock: who fences it, before either end goes, ends readers. */
  start: StartCopier;
  limits: TimeLimits;
  guidance: Pace;
  signal: AbortSignal;
};

/** What an end is probed with that is only read: whole pages, so that O_DIRECT takes it. Unit: bytes. */
export const REQUEST_BYTES = 2 ** 20;

/** Why the readers ended early: an end that has gone, one that cannot be read, or themselves. */
async function explain(
  { exit, words }: { exit: Exit; words: string },
  { plan, ends, volumes }: ReadBack,
): Promise<DrayError> {
  if (exit.status === LOCKED_STATUS || exit.status === FENCED_STATUS) {
    return new DrayError('CopierFenced', { volume: formatVolume(volumes.destination) });
  }
  const failed = failedEnd(words);
  const device = failed && ends[failed.role];
  if (failed === undefined || device === undefined) {
    for (const [role, end] of devicesOf(ends)) await inspectEnd(end, role);
    const status = exit.signal ?? `exit status ${exit.status}`;
    return new DrayError('ReaderFailed', { status, stderr: words });
  }
  const { role } = failed;
  await assertAnswers(failed, words, device, plan);
  const code = role === 'source' ? 'SourceUnreadable' : 'DestinationUnreadable';
  return new DrayError(code, { device: device.path, because: words });
}

/**
 * Makes the kernel forget what it holds of an end that cannot be read with O_DIRECT.
 * @throws DeviceLost when the end does not let it
 */
async function dropCache(
  role: Role,
  device: Device,
  { open, limits, signal }: ReadBack,
): Promise<void> {
  const limit = AbortSignal.timeout(limits.patienceSeconds * 1000);
  const args = ['if=/dev/fd/3', 'of=/dev/null', 'iflag=nocache', 'count=0', 'status=none'];
  const stdio: StdioOptions = ['ignore', 'ignore', 'ignore', open[role]?.fd];
  const { status } = await supervise(
    spawn('dd', args, { stdio }),
    AbortSignal.any([signal, limit]),
  );
  signal.throwIfAborted();
  if (status !== 0) throw deviceLost(role, device, 'its page cache cannot be dropped');
}

/** Nothing of any end may come from this host's memory. @throws DeviceLost */
export async function dropCaches(read: ReadBack): Promise<void> {
  const { plan, ends } = read;
  const hasTail = wholePages(plan.bytesTotal) !== plan.bytesTotal;
  const direct = directEnds(plan);
  for (const [role, device] of devicesOf(ends)) {
    if (hasTail || !direct[role]) await dropCache(role, device, read);
  }
}

function jobOf({ plan, guidance }: ReadBack, range: ByteRange, reads: Role[]): LaneJob {
  const { pace } = guidance;
  return {
    work: 'digest',
    reads,
    range,
    chunkBytes: plan.chunkBytes,
    digests: true,
    limits: readLimits(plan),
    lanes: guidance.lanes,
    windowBytes: Number.MAX_SAFE_INTEGER,
    direct: directEnds(plan),
    // A file that calls data a hole has misled the copy, and would mislead who compares.
    extents: false,
    zeros: 'write',
    touched: [],
    onReadError: 'fail',
    ...(pace === undefined ? {} : { bytesPerSecond: pace }),
  };
}

/**
 * Reads whole chunks of the named ends, tells their digests, and answers what lanes settled on.
 * On abort throws the signal's reason, after the readers have ended; throws what `done` throws.
 * @throws DeviceLost, ReaderFailed, SourceUnreadable, DestinationUnreadable, StuckProcess
 */
export async function readBack(
  read: ReadBack,
  range: ByteRange,
  reads: Role[],
  onRead: ChunksRead,
): Promise<LaneSetting | undefined> {
  const { plan, limits, guidance, signal } = read;
  const { maxLanes, maxRequestBytes } = readLimits(plan);
  // Of a small volume that is next to nothing, and the readers take their time to start.
  const onTheirWay = Math.max(maxLanes * maxRequestBytes, 4 * REQUEST_BYTES);
  const silence = new Silence(silenceSeconds(onTheirWay, limits));
  let done: ByteRange[] = [];
  let lanes: LaneSetting | undefined;
  // Readers that keep a pace say nothing while a request waits for it.
  const heard = (): void => silence.broken(maxRequestBytes / (guidance.pace ?? Infinity));
  try {
    heard();
    const child = read.start(lanesArguments(jobOf(read, range, reads)), 'ipc');
    const unfollow = guidance.follow(() => {
      heard();
      command(child, { kind: 'pace', bytesPerSecond: guidance.pace ?? null });
      command(child, { kind: 'lanes', most: guidance.lanes });
    });
    const ended = await followLanes(child, AbortSignal.any([signal, silence.signal]), {
      moved: (bytes, setting) => {
        heard();
        lanes = setting;
        onRead.moved(bytes);
      },
      done: async (chunks) => {
        await onRead.done(chunks);
        done = chunks.reduce(addRange, done);
        return 0;
      },
      notice: () => undefined,
    }).finally(unfollow);
    signal.throwIfAborted();
    if (ended.exit.status !== 0 || missingBytes(done, range) > 0) throw await explain(ended, read);
    return lanes;
  } finally {
    silence.end();
  }
}
