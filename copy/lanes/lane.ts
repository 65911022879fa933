/** One lane, a thread: works on one chunk at a time, request by request. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ByteRange, ChunkState } from '../../contract/copy.ts';
import type { Role } from '../../contract/volume.ts';
import { ChunkDigest } from './chunk-digest.ts';
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

const { job, ends, gate: shared } = workerData as LaneData;
const gate = new Gate(shared);
const zeros = Buffer.alloc(job.limits.maxRequestBytes);
const memory = alignedBytes(job.limits.maxRequestBytes);

function* requestsOf({ offset, length }: ByteRange): Generator<ByteRange> {
  for (let done = 0; done < length;) {
    const request = { offset: offset + done, length: Math.min(gate.requestBytes, length - done) };
    yield request;
    done += request.length;
  }
}

const isZero = (bytes: Uint8Array): boolean =>
  zeros.compare(bytes, 0, bytes.length, 0, bytes.length) === 0;

/** The chunk, or the first part of it when the lanes were told to stop. */
function copyChunk(chunk: ByteRange): ChunkDone {
  const source = new ChunkDigest();
  let state: ChunkState = 'skipped';
  for (const { offset, length } of requestsOf(chunk)) {
    if (!gate.pass(length)) {
      const [digests, done] = [{ source: source.end() }, offset - chunk.offset];
      return { offset: chunk.offset, length: done, digests, state };
    }
    const bytes = memory.subarray(0, length);
    readAt(ends.source, bytes, offset);
    const zero = isZero(bytes);
    source.update(bytes, zero);
    if (!job.skipZeros || !zero) {
      writeAt(ends.destination, bytes, offset);
      state = 'copied';
    }
    gate.count(length);
  }
  return { ...chunk, digests: { source: source.end() }, state };
}

function digestChunk(chunk: ByteRange): ChunkDone {
  const digests: ChunkDone['digests'] = {};
  for (const role of job.reads) {
    const digest = new ChunkDigest();
    for (const { offset, length } of requestsOf(chunk)) {
      const bytes = memory.subarray(0, length);
      readAt(ends[role], bytes, offset);
      digest.update(bytes, isZero(bytes));
      gate.count(length);
    }
    digests[role] = digest.end();
  }
  return { ...chunk, digests };
}

function answer(chunk: ByteRange): LaneAnswer {
  try {
    return { done: job.work === 'copy' ? copyChunk(chunk) : digestChunk(chunk) };
  } catch (error) {
    return { failed: (error as Error).message };
  }
}

parentPort?.on('message', (chunk: ByteRange) => parentPort?.postMessage(answer(chunk)));
parentPort?.postMessage('ready');
