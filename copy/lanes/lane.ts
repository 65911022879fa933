/** One lane, a thread: works on one chunk at a time, request by request. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ByteRange } from '../../contract/copy.ts';
import type { Role } from '../../contract/volume.ts';
import { alignedBytes, type LaneEnd, readAt, writeAt } from './end.ts';
import { Gate } from './gate.ts';
import type { ChunkDone, LaneJob } from './job.ts';

/** What a lane is started with. */
export type LaneData = {
  job: LaneJob;
  ends: Record<Role, LaneEnd>;
  gate: SharedArrayBuffer;
};

/** What it answers to a chunk. */
export type LaneAnswer = { done: ChunkDone } | { failed: string };

const { job, ends, gate: memory } = workerData as LaneData;
const gate = new Gate(memory);
const zeros = Buffer.alloc(job.requestBytes);
const ours = alignedBytes(job.requestBytes);
const theirs = alignedBytes(job.requestBytes);

function* requestsOf({ offset, length }: ByteRange): Generator<ByteRange> {
  for (let done = 0; done < length; done += job.requestBytes) {
    yield { offset: offset + done, length: Math.min(job.requestBytes, length - done) };
  }
}

const isZero = (bytes: Uint8Array): boolean =>
  zeros.compare(bytes, 0, bytes.length, 0, bytes.length) === 0;

function copyChunk(chunk: ByteRange): ChunkDone {
  for (const { offset, length } of requestsOf(chunk)) {
    gate.pass(length);
    const bytes = ours.subarray(0, length);
    readAt(ends.source, bytes, offset);
    if (!job.skipZeros || !isZero(bytes)) writeAt(ends.destination, bytes, offset);
    gate.count(length);
  }
  return chunk;
}

function compareChunk(chunk: ByteRange): ChunkDone {
  for (const { offset, length } of requestsOf(chunk)) {
    const [source, destination] = [ours.subarray(0, length), theirs.subarray(0, length)];
    readAt(ends.source, source, offset);
    readAt(ends.destination, destination, offset);
    gate.count(length);
    if (Buffer.compare(source, destination) === 0) continue;
    const first = source.findIndex((byte, index) => byte !== destination[index]);
    return { ...chunk, differsAt: offset + first };
  }
  return chunk;
}

function answer(chunk: ByteRange): LaneAnswer {
  try {
    return { done: job.work === 'copy' ? copyChunk(chunk) : compareChunk(chunk) };
  } catch (error) {
    return { failed: (error as Error).message };
  }
}

parentPort?.on('message', (chunk: ByteRange) => parentPort?.postMessage(answer(chunk)));
