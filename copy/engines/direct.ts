import type { ByteRange, LaneSetting } from '../../contract/copy.ts';
import type { RangeDone } from '../chunk-map.ts';
import type { Engine } from '../engine.ts';
import { failedEnd } from '../failed-end.ts';
import { copyLimits } from '../lane-limits.ts';
import { command, followLanes, lanesArguments } from '../lanes/follow.ts';
import type { ChunkDone, LaneJob } from '../lanes/job.ts';
import { directEnds } from '../probe.ts';
import { addRange, enclosed, reachFrom, sumBytes } from '../ranges.ts';
import { ioniceArguments } from './ionice.ts';

/** A program's argument has 128 KiB (MAX_ARG_STRLEN, execve(2)); each of them at most 54 bytes. */
const MOST_TOUCHED = 1000;

function rangeDone({ offset, length, copied, digests }: ChunkDone): RangeDone {
  return {
    ...{ offset, length },
    ...(copied === undefined ? {} : copied),
    ...(digests.source === undefined ? {} : { digest: digests.source }),
  };
}

/**
 * Several lanes at once, each with a request of its own on its way. One run takes all that is
 * missing; what is in doubt stays within the plan's range.
 */
export const directEngine: Engine = {
  name: 'direct',
  streams: true,
  async copyRange(range, { plan, touched, guidance, start, signal, report }) {
    const job: LaneJob = {
      work: 'copy',
      reads: [],
      range,
      chunkBytes: plan.chunkBytes,
      digests: plan.digests ?? true,
      limits: copyLimits(plan),
      lanes: guidance.lanes,
      windowBytes: plan.rangeBytes,
      direct: directEnds(plan),
      extents: plan.extents.value,
      zeros: plan.zeros.value,
      touched: plan.zeros.value === 'skip' ? enclosed(touched, MOST_TOUCHED) : [],
      onReadError: plan.onReadError ?? 'fail',
      ...(guidance.pace === undefined ? {} : { bytesPerSecond: guidance.pace }),
    };
    const child = start([...ioniceArguments(plan.ionice), ...lanesArguments(job)], 'ipc');
    let flushed: ByteRange[] = [];
    let [moved, settled] = [0, 0];
    let lanes: LaneSetting | undefined;
    let told = false as boolean;
    const unfollow = guidance.follow(() => {
      const { pace, paused } = guidance;
      told ||= paused;
      command(child, paused ? { kind: 'stop' } : { kind: 'pace', bytesPerSecond: pace ?? null });
      command(child, { kind: 'lanes', most: guidance.lanes });
    });
    const submitted = (): void => {
      const onTheirWay = Math.max(0, moved - settled);
      if (child.pid !== undefined) report.submitted(onTheirWay, child.pid, lanes);
    };
    submitted();
    const { exit, words } = await followLanes(child, signal, {
      moved: (bytes, setting) => {
        [moved, lanes] = [bytes, setting];
        submitted();
      },
      done: async (chunks) => {
        await report.flushed(chunks.map(rangeDone));
        flushed = chunks.reduce(addRange, flushed);
        for (const { copied } of chunks) settled += copied?.moved ?? 0;
        submitted();
        return reachFrom(flushed, range.offset);
      },
      notice: report.notice,
    }).finally(unfollow);
    const failed = failedEnd(words);
    const isWhole = sumBytes(flushed) === range.length;
    return {
      flushed: exit.status === 0 && isWhole,
      ...(exit.status === 0 && !isWhole && told ? { paused: true as const } : {}),
      exit,
      words,
      // Nothing is written by who could not open an end; of any other only the window is known.
      ...(words.startsWith('failed to open') ? { moved: 0 } : {}),
      ...(failed === undefined ? {} : { failed }),
    };
  },
};
