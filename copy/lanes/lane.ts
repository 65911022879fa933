/** One lane, a thread: works on one chunk at a time, request by request. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ByteRange, ChunkState } from '../../contract/copy.ts';
import type { Role } from '../../contract/volume.ts';
import { NOTHING_COUNTED } from '../../contract/byte-counts.ts';
import { addRange, sumBytes } from '../ranges.ts';
import { ALIGNMENT, wholePages } from './alignment.ts';
import { ChunkDigest } from './chunk-digest.ts';
import { alignedBytes, EndError, type LaneEnd, readAt, writeAt } from './end.ts';
import { Gate } from './gate.ts';
import type { Chunk, ChunkDone, LaneJob } from './job.ts';
import { salvageAt } from './salvage.ts';

/** What a lane is started with. */
export type LaneData = {
  /** Its number, from 0. */
  lane: number;
  job: LaneJob;
  ends: Record<Role, LaneEnd>;
  gate: SharedArrayBuffer;
};

/** What it answers to a chunk. */
export type LaneAnswer = { done: ChunkDone } | { failed: string };

const { lane, job, ends, gate: shared } = workerData as LaneData;
const gate = new Gate(shared);
const zeros = alignedBytes(job.limits.maxRequestBytes);
const memory = alignedBytes(job.limits.maxRequestBytes);

function* requestsOf({ offset, length }: ByteRange): Generator<ByteRange> {
  for (let done = 0; done < length;) {
    const request = { offset: offset + done, length: Math.min(gate.requestBytes, length - done) };
    yield request;
    done += request.length;
  }
}

const isZero = (bytes: Uint8Array): boolean =>
  Buffer.compare(zeros.subarray(0, bytes.length), bytes) === 0;

/** From the first to the last byte of data in a request, in whole pages; none in a hole. */
function dataIn({ data }: Chunk, request: ByteRange): ByteRange | undefined {
  if (data === undefined) return request;
  const end = request.offset + request.length;
  const found = data.filter(
    (each) => each.offset < end && each.offset + each.length > request.offset,
  );
  const [first, last] = [found[0], found.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const from = Math.max(request.offset, wholePages(first.offset));
  const to = Math.min(end, wholePages(last.offset + last.length + ALIGNMENT - 1));
  return { offset: from, length: to - from };
}

/** What could not be read, as failedEnd reads it. */
function unreadableError({ offset, length }: ByteRange): EndError {
  const eio = Object.assign(new Error(), { code: 'EIO' });
  return new EndError(`error reading ${length} bytes at ${offset} of`, ends.source.path, eio);
}

type Read = { bytes: Uint8Array; unreadable: ByteRange[] };

/** What the source holds in a request: zeros where nothing has to be read. @throws EndError */
function readRequest(request: ByteRange, found: ByteRange | undefined): Read {
  if (found === undefined) return { bytes: zeros.subarray(0, request.length), unreadable: [] };
  const bytes = memory.subarray(0, request.length);
  const from = found.offset - request.offset;
  bytes.fill(0, 0, from);
  bytes.fill(0, from + found.length);
  const part = bytes.subarray(from, from + found.length);
  if (job.onReadError === 'fail') {
    readAt(ends.source, part, found.offset);
    return { bytes, unreadable: [] };
  }
  const unreadable = salvageAt(ends.source, part, found.offset, () => gate.tick());
  const [first] = unreadable;
  if (first !== undefined && job.onReadError !== 'record') throw unreadableError(first);
  return { bytes, unreadable };
}

/**
 * Copies a chunk, or the first part of it when the lanes are told to stop. One with zeros alone that
 * the destination may make by itself is answered as `zeroed` with nothing done: its zeros are written
 * only once something else is found.
 */
function copyChunk(chunk: Chunk): ChunkDone {
  const digest = job.digests ? new ChunkDigest() : undefined;
  const counts = { ...NOTHING_COUNTED };
  let unreadable: ByteRange[] = [];
  let [moved, done] = [0, 0];
  const write = (bytes: Uint8Array, offset: number): void => {
    writeAt(ends.destination, bytes, offset);
    counts.bytesWritten += bytes.length;
  };
  for (const request of requestsOf(chunk)) {
    const { offset, length } = request;
    const found = dataIn(chunk, request);
    const before = counts.bytesRead + counts.bytesWritten;
    if (found !== undefined && !gate.pass(lane, length)) break;
    const { bytes, unreadable: missed } = readRequest(request, found);
    unreadable = missed.reduce(addRange, unreadable);
    counts.bytesRead += (found?.length ?? 0) - sumBytes(missed);
    // What could not be read is written as zeros, whatever is done with those of the source.
    const zero = found === undefined || (missed.length === 0 && isZero(bytes));
    const isSkipped = zero && chunk.zeros === 'skip';
    const isZeroed = zero && chunk.zeros === 'discard' && counts.bytesWritten === 0;
    if (found === undefined && !isSkipped && !isZeroed && !gate.pass(lane, length)) break;
    digest?.update(bytes, zero);
    done += length;
    if (isSkipped) {
      counts.bytesSkipped += length;
    } else if (isZeroed) {
      counts.bytesZeroed += length;
    } else {
      if (counts.bytesZeroed > 0) {
        const leading = { offset: chunk.offset, length: counts.bytesZeroed };
        for (const part of requestsOf(leading)) write(zeros.subarray(0, part.length), part.offset);
        counts.bytesZeroed = 0;
      }
      write(bytes, offset);
    }
    if (counts.bytesRead + counts.bytesWritten === before) continue;
    gate.count(length);
    moved += length;
  }
  const written: ChunkState = counts.bytesSkipped === done ? 'skipped' : 'copied';
  const readable = counts.bytesZeroed > 0 ? 'zeroed' : written;
  const state: ChunkState = unreadable.length > 0 ? 'unreadable' : readable;
  const digests = digest === undefined ? {} : { source: digest.end() };
  const copied = { state, counts, moved, unreadable };
  return { offset: chunk.offset, length: done, digests, copied };
}

function digestChunk({ offset, length }: ByteRange): ChunkDone {
  const digests: ChunkDone['digests'] = {};
  for (const role of job.reads) {
    const digest = new ChunkDigest();
    for (const request of requestsOf({ offset, length })) {
      // A limit is of each end, as that of a copy is.
      if (role === job.reads[0]) gate.pass(lane, request.length);
      const bytes = memory.subarray(0, request.length);
      readAt(ends[role], bytes, request.offset);
      digest.update(bytes, isZero(bytes));
      gate.count(request.length);
    }
    digests[role] = digest.end();
  }
  return { offset, length, digests };
}

function answer(chunk: Chunk): LaneAnswer {
  gate.enter(lane, 1 + Math.floor(chunk.offset / job.chunkBytes));
  try {
    return { done: job.work === 'copy' ? copyChunk(chunk) : digestChunk(chunk) };
  } catch (error) {
    return { failed: (error as Error).message };
  } finally {
    gate.enter(lane, 0);
  }
}

parentPort?.on('message', (chunk: Chunk) => parentPort?.postMessage(answer(chunk)));
parentPort?.postMessage('ready');
