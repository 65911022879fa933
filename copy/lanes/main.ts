/**
 * A program of its own: copies or digests a range of what descriptors 3 and 4 point at with several
 * lanes at once, and tells its parent what is done. Of a copy that is what was flushed, and a chunk
 * far ahead waits until its parent has recorded what is behind it.
 */
import { constants, fdatasync } from 'node:fs';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { threadProgram } from '../node-program.ts';
import type { ByteRange } from '../../contract/copy.ts';
import { NOTHING_COUNTED } from '../byte-counts.ts';
import { addRange, missingBytes, reachFrom, sumBytes } from '../ranges.ts';
import { wholePages } from './alignment.ts';
import { ChunkDigest } from './chunk-digest.ts';
import { Chunks, type Taken } from './chunks.ts';
import { Climb } from './climb.ts';
import { contentOf } from './content.ts';
import { EndError, openEnd } from './end.ts';
import { Gate } from './gate.ts';
import type { Chunk, ChunkDone, Command, LaneJob, Told } from './job.ts';
import type { LaneAnswer, LaneData } from './lane.ts';
import { Pool } from './pool.ts';
import { SourceMap } from './source-map.ts';
import { Zeroing } from './zeroing.ts';

const TELL_MILLISECONDS = 200;
const OBSERVE_MILLISECONDS = 100;
const FILL_MILLISECONDS = 50;
const FLUSH_MILLISECONDS = 1000;

const job = JSON.parse(process.argv[2] ?? '') as LaneJob;
const gate = new Gate();
const climb = new Climb(job.limits);

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
const chunks = new Chunks(job.range, job.chunkBytes, job.windowBytes, contentOf(job, map, zeroing));

process.on('message', (command: Command) => {
  if (command.kind === 'recorded') chunks.recorded(command.upTo);
  else if (command.kind === 'pace') pace = command.bytesPerSecond ?? undefined;
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

/**
 * Flushes what the lanes have written, one flush at a time, and tells of it: soon enough that a slow
 * copy is recorded as it goes.
 */
class Flusher {
  #written: ChunkDone[] = [];
  #told: ByteRange[] = [];
  #running: Promise<void> | undefined;
  #flushedAt = performance.now();

  constructor(private readonly descriptor: number) {
    setInterval(() => this.consider(), FLUSH_MILLISECONDS);
  }

  add(done: readonly ChunkDone[]): void {
    this.#written.push(...done);
    this.consider();
  }

  /** Starts one when enough was written, for long enough, or when lanes wait for it. */
  consider(): void {
    const flushable = this.#written.filter(({ copied }) => copied?.state !== 'skipped');
    const isLate = performance.now() - this.#flushedAt >= FLUSH_MILLISECONDS;
    const isDue = sumBytes(flushable) >= job.windowBytes / 4 || isLate || this.#isAwaited;
    if (this.#running !== undefined || this.#written.length === 0 || !isDue) return;
    this.#running = this.#flush().then(() => {
      this.#running = undefined;
      this.consider();
    });
  }

  async end(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (this.#written.length > 0) await this.#flush();
  }

  /** Lanes that wait go on only when there is no gap before them. */
  get #isAwaited(): boolean {
    const reach = reachFrom(this.#told, job.range.offset);
    return chunks.isHeld && this.#written.some(({ offset }) => offset === reach);
  }

  async #flush(): Promise<void> {
    const batch = this.#written;
    this.#written = [];
    try {
      // What was left out has nothing to flush.
      const isIdle = batch.every(({ copied }) => copied?.state === 'skipped');
      if (!isIdle) await promisify(fdatasync)(this.descriptor);
    } catch (error) {
      await fail(new EndError('fdatasync failed for', '/dev/fd/4', error).message);
    }
    this.#flushedAt = performance.now();
    this.#told = batch.reduce(addRange, this.#told);
    await tell({ kind: 'done', chunks: batch });
  }
}

function startLane(ends: LaneData['ends']): Worker {
  const workerData: LaneData = { job, ends, gate: gate.memory };
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
  return [...chunks.split(run)].map(({ offset, length }) => {
    const digest = new ChunkDigest();
    digest.skip(length);
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

const tellMoved = (bytes: number): Promise<void> =>
  tell({ kind: 'moved', bytes, setting: climb.settled });

async function main(): Promise<void> {
  const ends = openEnds();
  gate.fill(pace);
  setInterval(() => gate.fill(pace), FILL_MILLISECONDS);
  let told = 0;
  setInterval(() => {
    const { moved } = gate;
    if (moved !== told) void tellMoved(moved);
    told = moved;
  }, TELL_MILLISECONDS);
  const flusher = new Flusher(ends.destination.buffered);
  const onDone = (done: ChunkDone[]): void => {
    if (job.work === 'copy') flusher.add(done);
    else void tell({ kind: 'done', chunks: done });
  };
  const pool = new Pool(
    () => startLane(ends),
    (lane, isWanted) => drive(lane, isWanted, onDone, () => flusher.consider()),
  );
  adapt(pool);
  await pool.ended;
  await flusher.end();
  await tellMoved(gate.moved);
  process.exit();
}

main().catch((error: unknown) => fail((error as Error).message));
