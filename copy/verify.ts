import type {
  ByteRange,
  LaneSetting,
  VerifyMode,
  VerifyProgress,
  VerifyResult,
} from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import { formatVolume, type Role } from '../contract/volume.ts';
import { chunkAt, type ChunkMap, type Grid } from './chunk-map.ts';
import type { DataRun } from './data-run.ts';
import { openForReading } from './ends.ts';
import { Journal } from './journal.ts';
import type { ChunkDone } from './lanes/job.ts';
import { takeLease } from './lease.ts';
import { addRange, missingBytes, nextMissing, sumBytes } from './ranges.ts';
import { Rate } from './rate.ts';
import { dropCaches, readBack } from './read-back.ts';
import { stuckError } from './supervise.ts';

export type VerifyRun = DataRun & {
  mode: Exclude<VerifyMode, 'off'>;
  onProgress: (progress: VerifyProgress) => void;
};

const RECORD_MILLISECONDS = 1000;

/** What is wrong with a chunk; the first kind that was found is the error, in this order. */
const FAILURES = {
  /** The source is not what it was when it was copied. */
  changed: 'SourceChanged',
  /** No digest was taken when it was copied: either end may be the one. */
  unexplained: 'EndsDiffer',
  /** The destination does not hold what was read from the source. */
  damaged: 'VerifyFailed',
} as const;
type Finding = keyof typeof FAILURES | 'equal';

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
): Finding {
  const known = chunks.digestOf(offset);
  if (known !== undefined && source !== undefined && source !== known.digest) return 'changed';
  if (destination === (known?.digest ?? source)) return 'equal';
  return mode === 'full' && known?.isLate !== false ? 'unexplained' : 'damaged';
}

/** One attempt's look at what no attempt has found equal yet. */
class Inspection {
  readonly #counts = new Map<Finding, { chunks: number; offset: number }>();
  readonly #rate = new Rate();
  #looked: ByteRange[];
  /** Looked at, not recorded yet. */
  #fresh: { chunk: ChunkDone; finding: Finding }[] = [];
  #recordedAt = performance.now();

  constructor(
    private readonly run: VerifyRun,
    private readonly journal: Journal,
  ) {
    this.#looked = journal.checkpoint.verified;
    this.#tell();
  }

  /** The next chunks that were not looked at, of which the same ends have to be read. */
  next(): { range: ByteRange; reads: Role[] } | undefined {
    const { plan, mode } = this.run;
    const { bytesTotal, chunkBytes } = plan;
    const rest = nextMissing(this.#looked, bytesTotal, bytesTotal);
    if (rest === undefined) return undefined;
    const chunkOf = (offset: number): ByteRange => chunkAt(plan, Math.floor(offset / chunkBytes));
    const reads = endsToRead(this.journal, mode, chunkOf(rest.offset));
    let end = rest.offset;
    while (end < rest.offset + rest.length) {
      const chunk = chunkOf(end);
      if (endsToRead(this.journal, mode, chunk).length !== reads.length) break;
      end = chunk.offset + chunk.length;
    }
    return { range: { offset: rest.offset, length: end - rest.offset }, reads };
  }

  async look(chunks: readonly ChunkDone[]): Promise<void> {
    for (const chunk of chunks) {
      const finding = judgeChunk(chunk, this.journal.chunks, this.run.mode);
      this.#fresh.push({ chunk, finding });
      const { chunks: count, offset } = this.#counts.get(finding) ?? {
        chunks: 0,
        offset: Infinity,
      };
      this.#counts.set(finding, { chunks: count + 1, offset: Math.min(offset, chunk.offset) });
    }
    this.#looked = chunks.reduce(addRange, this.#looked);
    this.#tell();
    if (performance.now() - this.#recordedAt >= RECORD_MILLISECONDS) await this.record();
  }

  /** Durable on return. */
  async record(): Promise<void> {
    if (this.#fresh.length === 0) return;
    const { chunks } = this.journal;
    const equal: ByteRange[] = [];
    const differing: ByteRange[] = [];
    const late: (ByteRange & { digest: string })[] = [];
    for (const { chunk, finding } of this.#fresh.splice(0)) {
      const { offset, length } = chunk;
      const { source: digest } = chunk.digests;
      (finding === 'equal' ? equal : differing).push({ offset, length });
      const isKnown = chunks.digestOf(offset) !== undefined;
      if (digest !== undefined && !isKnown) late.push({ offset, length, digest });
    }
    await this.journal.compared(equal, differing, late);
    this.#recordedAt = performance.now();
  }

  /** What is wrong; undefined when all is equal. */
  failure(): DrayError | undefined {
    for (const finding of ['changed', 'unexplained', 'damaged'] as const) {
      const found = this.#counts.get(finding);
      if (found !== undefined) return new DrayError(FAILURES[finding], found);
    }
    return undefined;
  }

  #tell(): void {
    const bytesCompared = sumBytes(this.#looked);
    const { bytesTotal } = this.run.plan;
    const bytesPerSecond = this.#rate.add(bytesCompared);
    this.run.onProgress({ bytesCompared, bytesTotal, bytesPerSecond });
  }
}

/** Answers what lanes settled on, if anything had to be read. */
/** Bytes of chunks that cannot be read in full. */
function bytesOfUnreadable({ checkpoint }: Journal, { bytesTotal, chunkBytes }: Grid): number {
  const chunks = checkpoint.unreadable.map(({ offset, length }) => {
    const from = Math.floor(offset / chunkBytes) * chunkBytes;
    const to = Math.ceil((offset + length) / chunkBytes) * chunkBytes;
    return { offset: from, length: Math.min(to, bytesTotal) - from };
  });
  return sumBytes(chunks.reduce<ByteRange[]>(addRange, []));
}

async function compareAll(run: VerifyRun, journal: Journal): Promise<LaneSetting | undefined> {
  const { bytesTotal } = run.plan;
  const bytes = missingBytes(journal.checkpoint.flushed, { offset: 0, length: bytesTotal });
  if (bytes > 0) throw new DrayError('CopyIncomplete', { bytes });
  const open = await openForReading(run.ends);
  try {
    const read = { ...run, open };
    await dropCaches(read);
    let lanes: LaneSetting | undefined;
    const inspection = new Inspection(run, journal);
    for (let next = inspection.next(); next !== undefined; next = inspection.next()) {
      try {
        lanes = await readBack(read, next.range, next.reads, (chunks) => inspection.look(chunks));
      } finally {
        await inspection.record();
      }
    }
    const failure = inspection.failure();
    if (failure !== undefined) throw failure;
    return lanes;
  } finally {
    await open.close();
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
  const { state, volumes, mode, log, limits, copyId } = run;
  const startedAt = performance.now();
  const lease = await takeLease(state, volumes.destination, copyId, run.token);
  const destination = formatVolume(volumes.destination);
  const journal = await Journal.open(lease, destination, { ...run, work: 'verify' }, (notice) =>
    log.warn(notice, { destination, copyId }),
  );
  try {
    const lanes = await compareAll(run, journal);
    const { bytesTotal: bytesCompared, bytesDigestedLate } = journal.checkpoint;
    const seconds = (performance.now() - startedAt) / 1000;
    const digestsRoot = journal.chunks.root;
    const bytesUnreadable = mode === 'full' ? bytesOfUnreadable(journal, run.plan) : 0;
    return {
      ...{ mode, bytesCompared, seconds, bytesDigestedLate, digestsRoot },
      ...(bytesUnreadable === 0 ? {} : { bytesUnreadable }),
      ...lanes,
    };
  } catch (error) {
    const stuck = stuckError(error, destination);
    if (stuck !== undefined) throw stuck;
    run.signal.throwIfAborted();
    // A lost device is mended by the workflow, which counts by itself.
    if (!(error instanceof DrayError) || error.code === 'CopierFenced') throw error;
    if (error.code === 'DeviceLost') throw error;
    throw await journal.judge('VerifyStalled', error as DrayError, limits);
  } finally {
    await journal.close();
  }
}
