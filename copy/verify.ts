import type { ByteRange, VerifyMode, VerifyProgress, VerifyResult } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import type { Role } from '../contract/volume.ts';
import { chunkAt, type ChunkMap, type Grid } from './chunk-map.ts';
import type { DataRun } from './data-run.ts';
import { type Found, inspect, type Rules } from './inspection.ts';
import type { Journal } from './journal.ts';
import type { ChunkDone } from './lanes/job.ts';
import { addRange, missingBytes, sumBytes } from './ranges.ts';

export type VerifyRun = DataRun & {
  mode: Exclude<VerifyMode, 'off'>;
  onProgress: (progress: VerifyProgress) => void;
};

/** What is wrong with a chunk; the first kind that was found is the error, in this order. */
const FAILURES = {
  /** The source is not what it was when it was copied. */
  changed: 'SourceChanged',
  /** No digest was taken when it was copied: either end may be the one. */
  unexplained: 'EndsDiffer',
  /** The destination does not hold what was read from the source. */
  damaged: 'VerifyFailed',
} as const;
type Finding = keyof typeof FAILURES;

/**
 * The ends of a chunk that have to be read: the source where nothing tells what it held. One that
 * cannot be read is compared by what was written in its place.
 */
function endsToRead(
  { chunks, checkpoint }: Journal,
  mode: VerifyRun['mode'],
  chunk: ByteRange,
): Role[] {
  if (chunks.digestOf(chunk.offset) === undefined) return ['source', 'destination'];
  const isReadable = missingBytes(checkpoint.unreadable, chunk) === chunk.length;
  return mode === 'full' && isReadable ? ['source', 'destination'] : ['destination'];
}

function judgeChunk(
  { offset, digests: { source, destination } }: ChunkDone,
  chunks: ChunkMap,
  mode: VerifyRun['mode'],
): Finding | 'equal' {
  const known = chunks.digestOf(offset);
  if (known !== undefined && source !== undefined && source !== known.digest) return 'changed';
  if (destination === (known?.digest ?? source)) return 'equal';
  return mode === 'full' && known?.isLate !== false ? 'unexplained' : 'damaged';
}

/** Bytes of chunks that cannot be read in full. */
function bytesOfUnreadable({ checkpoint }: Journal, { bytesTotal, chunkBytes }: Grid): number {
  const chunks = checkpoint.unreadable.map(({ offset, length }) => {
    const from = Math.floor(offset / chunkBytes) * chunkBytes;
    const to = Math.ceil((offset + length) / chunkBytes) * chunkBytes;
    return { offset: from, length: Math.min(to, bytesTotal) - from };
  });
  return sumBytes(chunks.reduce<ByteRange[]>(addRange, []));
}

/** @throws CopyIncomplete */
function rulesFor(journal: Journal, { mode, plan }: VerifyRun): Rules<Finding> {
  const { checkpoint, chunks } = journal;
  const { flushed, verified, bytesTotal } = checkpoint;
  const bytes = missingBytes(flushed, { offset: 0, length: bytesTotal });
  if (bytes > 0) throw new DrayError('CopyIncomplete', { bytes });
  return {
    looked: verified,
    reads: (offset) =>
      endsToRead(journal, mode, chunkAt(plan, Math.floor(offset / plan.chunkBytes))),
    judge: (chunk) => judgeChunk(chunk, chunks, mode),
  };
}

/** @throws SourceChanged, EndsDiffer, VerifyFailed where something is wrong */
function refuseFailures(findings: ReadonlyMap<Finding | 'equal', Found>): void {
  for (const finding of ['changed', 'unexplained', 'damaged'] as const) {
    const found = findings.get(finding);
    if (found !== undefined) throw new DrayError(FAILURES[finding], found);
  }
}

/**
 * Reads the destination, past the page cache, and compares the digest of each chunk with the one
 * taken while it was copied; mode `full` reads the source once more as well. A chunk without a digest
 * is read from both ends. Chunks that differ are written down for the next attempt at the copy.
 * On abort throws the signal's reason, after the readers have ended.
 * @throws VerifyFailed, SourceChanged, EndsDiffer, CopyIncomplete, DeviceLost, ReaderFailed,
 * SourceUnreadable, DestinationUnreadable, VerifyStalled, CopierStuck, CopierFenced
 */
export async function runVerify(run: VerifyRun): Promise<VerifyResult> {
  const { mode } = run;
  const startedAt = performance.now();
  return inspect(
    run,
    'verify',
    (journal) => rulesFor(journal, run),
    (journal, findings, lanes) => {
      refuseFailures(findings);
      const { checkpoint, chunks } = journal;
      const { bytesTotal: bytesCompared, bytesDigestedLate } = checkpoint;
      const seconds = (performance.now() - startedAt) / 1000;
      const digestsRoot = chunks.root;
      const bytesUnreadable = mode === 'full' ? bytesOfUnreadable(journal, run.plan) : 0;
      return {
        ...{ mode, bytesCompared, seconds, bytesDigestedLate, digestsRoot },
        ...(bytesUnreadable === 0 ? {} : { bytesUnreadable }),
        ...lanes,
      };
    },
  );
}
