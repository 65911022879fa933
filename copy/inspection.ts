import type { ByteRange, LaneSetting, VerifyProgress } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import type { ReadEnds, ReadPlan } from '../contract/verify.ts';
import { formatVolume, type Role } from '../contract/volume.ts';
import { chunkAt } from './chunk-map.ts';
import type { DataRun } from './data-run.ts';
import { type CopyVolumes, openForReading } from './ends.ts';
import { Journal, type JournalInput } from './journal.ts';
import type { ChunkDone } from './lanes/job.ts';
import { type Lease, takeLease } from './lease.ts';
import { addRange, nextMissing, sumBytes } from './ranges.ts';
import { Rate } from './rate.ts';
import { dropCaches, type Pace, readBack } from './read-back.ts';
import { copierStarter } from './start-copier.ts';
import { followingAll, Steering, type Wishes } from './steering.ts';
import { stuckError } from './supervise.ts';

/** What an attempt is given that only reads. */
export type ReadRun = Omit<DataRun, 'plan' | 'ends' | 'volumes'> & {
  plan: ReadPlan;
  ends: ReadEnds;
  /** The readers hold the destination's lock. */
  volumes: Pick<CopyVolumes, 'destination'> & Partial<CopyVolumes>;
  onProgress: (progress: VerifyProgress) => void;
  /** What people want of the copy that it is part of; without them there is no limit. */
  wishes?: Wishes;
};

/** What is looked at, and what it is judged by. */
export type Rules<F extends string> = {
  /** What needs no look any more, merged. */
  looked: ByteRange[];
  /** False: digests are taken, and nothing is compared. */
  compares: boolean;
  /** The ends of a chunk that have to be read. */
  reads: (offset: number) => Role[];
  judge: (chunk: ChunkDone) => F | 'equal';
  /** Throws where what was found is an error: it goes before why the rest cannot be read. */
  refuse?: (found: ReadonlyMap<F | 'equal', Found>) => void;
};

/** How often something was found, and where first. */
export type Found = { chunks: number; offset: number };

const RECORD_MILLISECONDS = 1000;

/** One attempt's look at what no attempt has looked at yet. */
class Inspection<F extends string> {
  readonly found = new Map<F | 'equal', Found>();
  readonly #rate = new Rate();
  #looked: ByteRange[];
  /** Looked at, not recorded yet. */
  #fresh: { chunk: ChunkDone; isEqual: boolean }[] = [];
  #recordedAt = performance.now();
  /** By readers that have ended, and with those that read now. */
  #read = { before: 0, now: 0 };
  /** The limit in force at a moment. Unit: bytes a second. */
  limit: () => number | undefined = () => undefined;

  constructor(
    private readonly run: ReadRun,
    private readonly journal: Journal,
    private readonly rules: Rules<F>,
  ) {
    this.#looked = rules.looked;
    this.#tell();
  }

  /** The next chunks that were not looked at, of which the same ends have to be read. */
  next(): { range: ByteRange; reads: Role[] } | undefined {
    const { plan } = this.run;
    const { bytesTotal, chunkBytes } = plan;
    const rest = nextMissing(this.#looked, bytesTotal, bytesTotal);
    if (rest === undefined) return undefined;
    const reads = this.rules.reads(rest.offset);
    let end = rest.offset;
    while (end < rest.offset + rest.length) {
      if (this.rules.reads(end).length !== reads.length) break;
      const chunk = chunkAt(plan, Math.floor(end / chunkBytes));
      end = chunk.offset + chunk.length;
    }
    return { range: { offset: rest.offset, length: end - rest.offset }, reads };
  }

  /** Bytes of all requests of those that read now. */
  moved(bytes: number): void {
    this.#read.now = bytes;
    this.#tell();
  }

  async look(chunks: readonly ChunkDone[]): Promise<void> {
    for (const chunk of chunks) {
      const finding = this.rules.judge(chunk);
      this.#fresh.push({ chunk, isEqual: finding === 'equal' });
      const { chunks: count, offset } = this.found.get(finding) ?? { chunks: 0, offset: Infinity };
      this.found.set(finding, { chunks: count + 1, offset: Math.min(offset, chunk.offset) });
    }
    this.#looked = chunks.reduce(addRange, this.#looked);
    this.#tell();
    if (performance.now() - this.#recordedAt >= RECORD_MILLISECONDS) await this.record();
  }

  /** Durable on return; nobody reads any more. */
  async end(): Promise<void> {
    const { before, now } = this.#read;
    this.#read = { before: before + now, now: 0 };
    await this.record();
  }

  /** Durable on return. */
  async record(): Promise<void> {
    if (this.#fresh.length === 0) return;
    const { chunks } = this.journal;
    const equal: ByteRange[] = [];
    const differing: ByteRange[] = [];
    const late: (ByteRange & { digest: string })[] = [];
    for (const { chunk, isEqual } of this.#fresh.splice(0)) {
      const { offset, length, digests } = chunk;
      if (this.rules.compares) (isEqual ? equal : differing).push({ offset, length });
      // Of the source, or of the only end there is, where that is as good.
      const digest = digests.source ?? (isEqual ? digests.destination : undefined);
      const isKnown = chunks.digestOf(offset) !== undefined;
      if (digest !== undefined && !isKnown) late.push({ offset, length, digest });
    }
    await this.journal.compared(equal, differing, late);
    this.#recordedAt = performance.now();
  }

  #tell(): void {
    const bytesCompared = sumBytes(this.#looked);
    const { bytesTotal } = this.run.plan;
    const bytesPerSecond = this.#rate.add(bytesCompared);
    const bytesRead = this.#read.before + this.#read.now;
    const limit = this.limit();
    this.run.onProgress({
      ...{ bytesCompared, bytesTotal, bytesPerSecond, bytesRead },
      ...(limit === undefined ? {} : { limit }),
    });
  }
}

/** Answers what lanes settled on, if anything had to be read. */
async function lookAtAll<F extends string>(
  run: ReadRun,
  lease: Lease,
  inspection: Inspection<F>,
): Promise<LaneSetting | undefined> {
  const open = await openForReading(run.ends);
  const { wishes } = run;
  const steering = wishes && (await Steering.open(lease, { ...run, wishes }));
  const share = run.laneBudget.share(Object.values(run.volumes).map(({ backend }) => backend));
  const guidance: Pace = {
    get pace() {
      return steering?.limit;
    },
    get lanes() {
      return share.lanes;
    },
    follow: followingAll(share, ...(steering === undefined ? [] : [steering])),
  };
  inspection.limit = () => guidance.pace;
  try {
    const read = { ...run, open, guidance, start: copierStarter(lease, open) };
    await dropCaches(read);
    let lanes: LaneSetting | undefined;
    for (let next = inspection.next(); next !== undefined; next = inspection.next()) {
      try {
        lanes = await readBack(read, next.range, next.reads, {
          done: (chunks) => inspection.look(chunks),
          moved: (bytes) => inspection.moved(bytes),
        });
      } finally {
        await inspection.end();
      }
    }
    return lanes;
  } finally {
    share.end();
    steering?.close();
    await open.close();
  }
}

/**
 * One attempt that reads, past the page cache, what no attempt has looked at yet. `conclude` makes
 * something of what this one found. On abort throws the signal's reason, after the readers ended.
 * @throws DeviceLost, ReaderFailed, SourceUnreadable, DestinationUnreadable, VerifyStalled,
 * CopierStuck, CopierFenced, and what `rulesFor` and its `refuse` throw
 */
export async function inspect<F extends string, T>(
  run: ReadRun,
  work: Exclude<JournalInput['work'], 'copy'>,
  rulesFor: (journal: Journal) => Rules<F>,
  conclude: (journal: Journal, found: ReadonlyMap<F | 'equal', Found>, lanes?: LaneSetting) => T,
): Promise<T> {
  const { state, volumes, log, limits, copyId } = run;
  const destination = formatVolume(volumes.destination);
  const lease = await takeLease(state, volumes.destination, copyId, run.token);
  const journal = await Journal.open(lease, destination, { ...run, work }, (notice) =>
    log.warn(notice, { destination, copyId }),
  );
  try {
    const rules = rulesFor(journal);
    const inspection = new Inspection(run, journal, rules);
    const lanes = await lookAtAll(run, lease, inspection).catch((error: unknown) => {
      const isOfReaders = error instanceof DrayError && error.code !== 'CopierFenced';
      if (isOfReaders) rules.refuse?.(inspection.found);
      throw error;
    });
    rules.refuse?.(inspection.found);
    return conclude(journal, inspection.found, lanes);
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
