import type { ByteRange, VerifyMode, VerifyProgress, VerifyResult } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import type { Role } from '../contract/volume.ts';
import { chunkAt, type ChunkMap, type Grid } from './chunk-map.ts';
import type { DataRun } from './data-run.ts';
import { type Found, inspect, type Rules } from './inspection.ts';
import type { Journal } from './journal.ts';
import type { ChunkDone } from './lanes/job.ts';
import type { Wishes } from './steering.ts';
import { addRange, missingBytes, removeRange, sumBytes } from './ranges.ts';

export type VerifyRun = DataRun & {
  mode: VerifyMode;
  onProgress: (progress: VerifyProgress) => void;
  wishes?: Wishes;
};

/** What is wrong with a chunk; the first kind that was found is the error, in this order. */
const FAILURES = {
  /** The source is not what it was when it was copied. */
  changed: 'SourceChanged',
  /** No digest was taken when it was copied: either end may be the one. */
  unexplained: 'EndsDiffer',
  /** The destination does not hold what was read from the source, or nobody can tell any more. */
  damaged: 'VerifyFailed',
} as const;
type Finding = keyof typeof FAILURES;

/**
 * The ends of a chunk that have to be read: the source where nothing tells what it held. One that
 * cannot be read is compared by what was written in its place; where nothing tells that either, it
 * is copied again.
 */
function endsToRead(
  { chunks, checkpoint }: Journal,
  mode: VerifyRun['mode'],
  chunk: ByteRange,
): Role[] {
  const isReadable = missingBytes(checkpoint.unreadable, chunk) === chunk.length;
  const isKnown = chunks.digestOf(chunk.offset) !== undefined;
  const isRead = isReadable && (mode === 'full' || !isKnown);
  return isRead ? ['source', 'destination'] : ['destination'];
}

function judgeChunk(
  { offset, digests: { source, destination } }: ChunkDone,
  chunks: ChunkMap,
  mode: VerifyRun['mode'],
): Finding | 'equal' {
  const known = chunks.digestOf(offset);
  if (known === undefined && source === undefined) return 'damaged';
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

/** What the source can give of chunks whose digest is missing; nothing is compared. */
function digestRules({ checkpoint, chunks }: Journal): Rules<Finding> {
  const { unreadable, bytesTotal } = checkpoint;
  const missing = [...chunks.undigested()].filter(
    (chunk) => missingBytes(unreadable, chunk) === chunk.length,
  );
  return {
    looked: missing.reduce(removeRange, [{ offset: 0, length: bytesTotal }]),
    compares: false,
    reads: () => ['source'],
    judge: () => 'equal',
  };
}

/** @throws CopyIncomplete */
function rulesFor(journal: Journal, { mode, plan }: VerifyRun): Rules<Finding> {
  const { checkpoint, chunks } = journal;
  const { flushed, verified, bytesTotal } = checkpoint;
  const bytes = missingBytes(flushed, { offset: 0, length: bytesTotal });
  if (bytes > 0) throw new DrayError('CopyIncomplete', { bytes });
  if (mode === 'off') return digestRules(journal);
  return {
    looked: verified,
    compares: true,
    reads: (offset) =>
      endsToRead(journal, mode, chunkAt(plan, Math.floor(offset / plan.chunkBytes))),
    judge: (chunk) => judgeChunk(chunk, chunks, mode),
    refuse: refuseFailures,
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
 * is read from both ends. Chunks that differ are written down for the next attempt at the copy. Mode
 * `off` compares nothing, and only takes the digests that are missing from the source.
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
    (journal, _found, lanes) => {
      const { checkpoint, chunks } = journal;
      const { bytesTotal, bytesDigestedLate } = checkpoint;
      const bytesCompared = mode === 'off' ? 0 : bytesTotal;
      const seconds = (performance.now() - startedAt) / 1000;
      const digestsRoot = chunks.isComplete ? chunks.root : '';
      const bytesUnreadable = mode === 'full' ? bytesOfUnreadable(journal, run.plan) : 0;
      return {
        ...{ mode, bytesCompared, seconds, bytesDigestedLate, digestsRoot },
        ...(bytesUnreadable === 0 ? {} : { bytesUnreadable }),
        ...lanes,
      };
    },
  );
}
