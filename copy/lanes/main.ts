/**
 * A program of its own: copies or digests a range of what descriptors 3 and 4 point at with several
 * lanes at once, and tells its parent what is done. Of a copy that is what was flushed, and a chunk
 * far ahead waits until its parent has recorded what is behind it.
 */
import { constants } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { threadProgram } from '../node-program.ts';
import type { ByteRange } from '../../contract/copy.ts';
import { NOTHING_COUNTED } from '../../contract/byte-counts.ts';
import { missingBytes } from '../ranges.ts';
import { wholePages } from './alignment.ts';
import { ChunkDigest } from './chunk-digest.ts';
import { Chunks, type Taken } from './chunks.ts';
import { Climb } from './climb.ts';
import { contentOf } from './content.ts';
import { EndError, openEnd } from './end.ts';
import { Flusher } from './flusher.ts';
import { Gate } from './gate.ts';
import type { Chunk, ChunkDone, Command, LaneJob, Told } from './job.ts';
import type { LaneAnswer, LaneData } from './lane.ts';
import { PageCache } from './page-cache.ts';
import { Pool } from './pool.ts';
import { SourceMap } from './source-map.ts';
import { Zeroing } from './zeroing.ts';

const TELL_MILLISECONDS = 200;
const OBSERVE_MILLISECONDS = 100;
const FILL_MILLISECONDS = 50;
const DROP_MILLISECONDS = 1000;
/** Under a limit so much is begun as is done within this time: what a crash may cost. */
const BEGUN_SECONDS = 10;

const job = JSON.parse(process.argv[2] ?? '') as LaneJob;
const gate = new Gate(job.limits.maxLanes);
const climb = new Climb(job.limits);
climb.limit(job.lanes);

const tell = (told: Told): Promise<void> =>
  new Promise((resolve) => process.send?.(told, () => resolve()));

/** Ends at once: a lane may hang in a request, and a thread that does cannot be joined. */
async function fail(words: string): Promise<never> {
  await tell({ kind: 'failed', words });
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
}

let pace = job.bytesPerSecond;

function notice(words: string): void {
  void tell({ kind: 'notice', words });
}

// Their programs are started before the ends are opened, see Zeroing.
const map = job.extents
  ? new SourceMap(job.range, (because) =>
      notice(`holes of the source are read, since it does not tell them: ${because}`),
    )
  : undefined;
const zeroing =
  job.zeros === 'discard'
    ? new Zeroing((because) =>
        notice(`zeros are written, since the destination cannot make them: ${because}`),
      )
    : undefined;
const pageCache = PageCache.of(job);
const chunks = new Chunks(job.range, job.chunkBytes, job.windowBytes, contentOf(job, map, zeroing));

process.on('message', (command: Command) => {
  if (command.kind === 'recorded') chunks.recorded(command.upTo);
  else if (command.kind === 'pace') pace = command.bytesPerSecond ?? undefined;
  else if (command.kind === 'lanes') climb.limit(command.most);
  else {
    gate.stop();
    chunks.stop();
  }
});
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));

function openEnds(): LaneData['ends'] {
  const access = job.work === 'copy' ? constants.O_RDWR : constants.O_RDONLY;
  return {
    source: openEnd('source', job.direct.source, constants.O_RDONLY),
    destination: openEnd('destination', job.direct.destination, access),
  };
}

function startLane(lane: number, ends: LaneData['ends']): Worker {
  const workerData: LaneData = { lane, job, ends, gate: gate.memory };
  return new Worker(threadProgram('lanes/lane'), { workerData });
}

async function ask(lane: Worker, chunk: Chunk): Promise<LaneAnswer> {
  const answer = await new Promise<LaneAnswer>((resolve, reject) => {
    lane.once('message', resolve);
    lane.once('error', reject);
    lane.postMessage(chunk);
  });
  lane.removeAllListeners('error');
  return answer;
}

/** How zeros of one chunk are dealt with: the job's way, where that is safe and possible. */
function zerosOf(chunk: ByteRange): Chunk['zeros'] {
  const { zeros, touched } = job;
  const isTouched = missingBytes(touched, chunk) < chunk.length;
  if (zeros === 'skip') return isTouched ? 'write' : 'skip';
  return zeroing?.isAble !== false && wholePages(chunk.length) === chunk.length ? zeros : 'write';
}

/** A chunk that its lane found to be all zeros is zeroed, or written where that cannot be. */
async function copyChunk(lane: Worker, taken: Taken): Promise<LaneAnswer> {
  const { offset, length, data } = taken;
  const chunk = { offset, length, ...(data === undefined ? {} : { data }) };
  const answer = await ask(lane, { ...chunk, zeros: zerosOf(chunk) });
  if ('failed' in answer || answer.done.copied?.state !== 'zeroed') return answer;
  const { done } = answer;
  if ((await zeroing?.zero({ offset: done.offset, length: done.length })) === true) return answer;
  return ask(lane, { ...chunk, zeros: 'write' });
}

/** Chunks of holes: nothing is read of them, and nothing written. */
async function passOver(run: ByteRange): Promise<ChunkDone[]> {
  if (zeroing !== undefined && !(await zeroing.zero(run))) {
    throw new EndError('error zeroing', '/dev/fd/4', new Error('it could before'));
  }
  return chunks.stretches(run).map(({ offset, length, chunkBytes }) => {
    const digest = new ChunkDigest();
    digest.skip(chunkBytes);
    const what =
      zeroing === undefined
        ? ({ state: 'skipped', counts: { ...NOTHING_COUNTED, bytesSkipped: length } } as const)
        : ({ state: 'zeroed', counts: { ...NOTHING_COUNTED, bytesZeroed: length } } as const);
    const copied = { ...what, moved: 0, unreadable: [] };
    return { offset, length, digests: { source: digest.end() }, copied };
  });
}

/**
 * Gives one lane chunk after chunk, as long as it is wanted. When one of them fails, the others end
 * what they are at: what is before a bad place is done then, however often it is met.
 */
async function drive(
  lane: Worker,
  isWanted: () => boolean,
  onDone: (done: ChunkDone[]) => void,
  onHeld: () => void,
): Promise<void> {
  while (isWanted()) {
    const taken = await chunks.take(onHeld);
    if (taken === undefined) return;
    if (taken.isEmpty) {
      onDone(await passOver(taken));
      continue;
    }
    const answer = await copyChunk(lane, taken);
    if ('failed' in answer) {
      process.exitCode = 1;
      chunks.stop();
      await tell({ kind: 'failed', words: answer.failed });
    } else if (answer.done.length > 0) onDone([answer.done]);
  }
}

/** Sets the lanes to what the climb wants, now and after everything that it is shown. */
function adapt(pool: Pool): void {
  const set = (): void => {
    gate.requestBytes = climb.setting.requestBytes;
    pool.want(climb.setting.lanes);
  };
  set();
  setInterval(() => {
    const isHeldBack = gate.takeHeldBack();
    const { moved } = gate;
    climb.observe({ at: performance.now(), moved, lanes: pool.busy, isHeldBack });
    set();
  }, OBSERVE_MILLISECONDS);
}

/** Lets pass what the limit has room for by now. */
function fill(): void {
  if (pace !== undefined) {
    gate.turns = Math.max(1, Math.ceil((pace * BEGUN_SECONDS) / job.chunkBytes));
  }
  gate.fill(pace);
}

const tellMoved = (bytes: number): Promise<void> =>
  tell({ kind: 'moved', bytes, setting: climb.settled });

async function main(): Promise<void> {
  const ends = openEnds();
  fill();
  setInterval(fill, FILL_MILLISECONDS);
  let told = { moved: 0, ticks: 0 };
  setInterval(() => {
    const { moved, ticks } = gate;
    if (moved !== told.moved || ticks !== told.ticks) void tellMoved(moved);
    told = { moved, ticks };
  }, TELL_MILLISECONDS);
  const flusher = new Flusher({
    descriptor: ends.destination.buffered,
    job,
    isHeld: () => chunks.isHeld,
    onFlushed: (done) => tell({ kind: 'done', chunks: done }),
    onFailure: (error) => fail(error.message),
  });
  const onDone = (done: ChunkDone[]): void => {
    if (job.work === 'copy') flusher.add(done);
    else void tell({ kind: 'done', chunks: done });
  };
  const pool = new Pool(
    (lane) => startLane(lane, ends),
    (lane, isWanted) => drive(lane, isWanted, onDone, () => flusher.consider()),
  );
  adapt(pool);
  setInterval(() => void pageCache?.drop(), DROP_MILLISECONDS);
  await pool.ended;
  await flusher.end();
  await pageCache?.end();
  await tellMoved(gate.moved);
  process.exit();
}

main().catch((error: unknown) => fail((error as Error).message));
