/**
 * A program of its own: copies or digests a range of what descriptors 3 and 4 point at with several
 * lanes at once, and tells its parent what is done. Of a copy that is what was flushed, and a chunk
 * far ahead waits until its parent has recorded what is behind it.
 */
import { constants, fdatasync } from 'node:fs';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { threadProgram } from '../node-program.ts';
import { Chunks } from './chunks.ts';
import { Climb } from './climb.ts';
import { EndError, openEnd } from './end.ts';
import { Gate } from './gate.ts';
import type { ChunkDone, Command, LaneJob, Told } from './job.ts';
import type { LaneAnswer, LaneData } from './lane.ts';
import { Pool } from './pool.ts';

const TELL_MILLISECONDS = 200;
const OBSERVE_MILLISECONDS = 100;
const FILL_MILLISECONDS = 50;
const FLUSH_MILLISECONDS = 1000;

const job = JSON.parse(process.argv[2] ?? '') as LaneJob;
const gate = new Gate();
const climb = new Climb(job.limits, job.requestBytes);
const chunks = new Chunks(job.range, job.chunkBytes, job.windowBytes);

const tell = (told: Told): Promise<void> =>
  new Promise((resolve) => process.send?.(told, () => resolve()));

/** Ends at once: a lane may hang in a request, and a thread that does cannot be joined. */
async function fail(words: string): Promise<never> {
  await tell({ kind: 'failed', words });
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
}

let pace = job.bytesPerSecond;

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
  #running: Promise<void> | undefined;
  #flushedAt = performance.now();

  constructor(private readonly descriptor: number) {
    setInterval(() => this.consider(), FLUSH_MILLISECONDS);
  }

  add(chunk: ChunkDone): void {
    this.#written.push(chunk);
    this.consider();
  }

  /** Starts one when enough was written, for long enough, or when lanes wait for it. */
  consider(): void {
    const bytes = this.#written.reduce((sum, { length }) => sum + length, 0);
    const isLate = performance.now() - this.#flushedAt >= FLUSH_MILLISECONDS;
    const isDue = bytes >= job.windowBytes / 4 || isLate || chunks.isHeld;
    if (this.#running !== undefined || bytes === 0 || !isDue) return;
    this.#running = this.#flush().then(() => {
      this.#running = undefined;
      this.consider();
    });
  }

  async end(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (this.#written.length > 0) await this.#flush();
  }

  async #flush(): Promise<void> {
    const batch = this.#written;
    this.#written = [];
    try {
      await promisify(fdatasync)(this.descriptor);
    } catch (error) {
      await fail(new EndError('fdatasync failed for', '/dev/fd/4', error).message);
    }
    this.#flushedAt = performance.now();
    await tell({ kind: 'done', chunks: batch });
  }
}

function startLane(ends: LaneData['ends']): Worker {
  const workerData: LaneData = { job, ends, gate: gate.memory };
  return new Worker(threadProgram('lanes/lane'), { workerData });
}

/**
 * Gives one lane chunk after chunk, as long as it is wanted. When one of them fails, the others end
 * what they are at: what is before a bad place is done then, however often it is met.
 */
async function drive(
  lane: Worker,
  isWanted: () => boolean,
  onDone: (chunk: ChunkDone) => void,
  onHeld: () => void,
): Promise<void> {
  while (isWanted()) {
    const chunk = await chunks.take(onHeld);
    if (chunk === undefined) return;
    const answer = await new Promise<LaneAnswer>((resolve, reject) => {
      lane.once('message', resolve);
      lane.once('error', reject);
      lane.postMessage(chunk);
    });
    lane.removeAllListeners('error');
    if ('failed' in answer) {
      process.exitCode = 1;
      chunks.stop();
      await tell({ kind: 'failed', words: answer.failed });
    } else if (answer.done.length > 0) onDone(answer.done);
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
  const onDone = (chunk: ChunkDone): void => {
    if (job.work === 'copy') flusher.add(chunk);
    else void tell({ kind: 'done', chunks: [chunk] });
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
