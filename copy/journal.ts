import { DrayError } from '../contract/errors.ts';
import type { ByteRange } from '../contract/copy.ts';
import type { TimeLimits } from '../contract/limits.ts';
import type { ReadPlan } from '../contract/verify.ts';
import { assertCurrent } from '../system/epoch.ts';
import {
  type Checkpoint,
  type CheckpointOwner,
  chunkStatesIn,
  loadCheckpoint,
  saveCheckpoint,
} from './checkpoint.ts';
import { addCounts } from '../contract/byte-counts.ts';
import { ChunkMap, type RangeDone } from './chunk-map.ts';
import { addPoint } from './curve.ts';
import { holdsLease, type Lease } from './lease.ts';
import {
  addRange,
  missingBytes,
  nextMissing,
  removeRange,
  sumBytes,
  windowFrom,
} from './ranges.ts';
import { type StallCode, stalled } from './stall.ts';

/** Places that a result, a heartbeat and a person can take in. */
const MAX_UNREADABLE = 1024;

/** Whose work is written down, and what it can go on from. */
export type JournalInput = CheckpointOwner & {
  plan: ReadPlan;
  /**
   * Attempts are counted of the copy; what moves no byte in any is counted for the stall. What is
   * compared without a copy was written by others: all of it is there to be looked at.
   */
  work: 'copy' | 'verify' | 'compare';
  heartbeat?: unknown;
};

/** One attempt's way to write the checkpoint down; refused once another attempt has the lease. */
export class Journal {
  #windowBytes = 0;

  private constructor(
    private readonly lease: Lease,
    private readonly volume: string,
    private current: Checkpoint,
    readonly chunks: ChunkMap,
  ) {}

  /** Goes on from what is known and counts this attempt, durably. */
  static async open(
    lease: Lease,
    volume: string,
    input: JournalInput,
    onNotice: (notice: string) => void,
  ): Promise<Journal> {
    const { plan, work, heartbeat } = input;
    const loaded = await loadCheckpoint(lease.directory, input, plan, heartbeat, onNotice);
    const all = { offset: 0, length: plan.bytesTotal };
    const found = work === 'compare' ? { ...loaded, flushed: [all] } : loaded;
    const states = chunkStatesIn(heartbeat, onNotice);
    const chunks = await ChunkMap.open(lease.directory, plan, found, onNotice, states);
    const journal = new Journal(lease, volume, found, chunks);
    const { pausedAt, ...known } = found;
    try {
      await journal.save({
        ...known,
        startedAt: found.startedAt + (pausedAt === undefined ? 0 : Date.now() - pausedAt),
        attempts: found.attempts + (work === 'copy' ? 1 : 0),
        idleAttempts: found.idleAttempts + 1,
        idleSince: found.idleAttempts === 0 ? Date.now() : found.idleSince,
      });
    } catch (error) {
      await journal.close();
      throw error;
    }
    return journal;
  }

  get checkpoint(): Readonly<Checkpoint> {
    return this.current;
  }

  async close(): Promise<void> {
    await this.chunks.close();
  }

  /** The first range that is missing, at most `most` bytes of it; undefined when none is. */
  next(most: number): ByteRange | undefined {
    return nextMissing(this.current.flushed, this.current.bytesTotal, most);
  }

  /**
   * Before the copy starts: what an earlier attempt left in doubt is now moved once more, and so is
   * what verify found to differ. Nothing is written `windowBytes` or more behind the first byte that
   * is missing.
   */
  async begin(windowBytes: number): Promise<void> {
    this.#windowBytes = windowBytes;
    const { running: doubted, flushed, differing } = this.current;
    const written = doubted === undefined ? differing : [...differing, doubted];
    const again = doubted === undefined ? 0 : (doubted.moved ?? missingBytes(flushed, doubted));
    await this.go({
      ...this.current,
      bytesCopiedAgain: this.current.bytesCopiedAgain + again,
      flushed: differing.reduce(removeRange, flushed),
      verified: differing.reduce(removeRange, this.current.verified),
      touched: written.reduce(addRange, this.current.touched),
      bytesRepaired: this.current.bytesRepaired + sumBytes(differing),
      differing: [],
    });
    const doubtful = doubted === undefined || again === 0 ? [] : this.chunks.overlapping(doubted);
    const missing = doubtful.filter((chunk) => missingBytes(flushed, chunk) > 0);
    await this.chunks.repeat([...differing, ...missing]);
  }

  /**
   * After a flush, and before anybody is told. What may be written from then on is written down
   * with it: each write costs two flushes of the disk that is being copied to.
   */
  async flushed(done: readonly RangeDone[]): Promise<void> {
    const unreadable = this.#unreadableAfter(done);
    await this.chunks.record(done);
    const flushed = done.reduce(addRange, this.current.flushed);
    const counts = done.map((each) => each.counts ?? {}).reduce(addCounts, this.current.counts);
    const elapsed = Date.now() - this.current.startedAt;
    const curve = addPoint(this.current.curve, elapsed, sumBytes(flushed));
    await this.go({ ...this.current, flushed, counts, curve, unreadable, idleAttempts: 0 });
  }

  /**
   * Before a range that goes as far as the window: another limit has another one, and how far a
   * range came that was stopped says nothing of the next.
   */
  async resize(windowBytes: number): Promise<void> {
    const isStopped = this.current.running?.moved !== undefined;
    if (windowBytes === this.#windowBytes && !isStopped) return;
    this.#windowBytes = windowBytes;
    await this.go(this.current);
  }

  /** The attempt ends as somebody wished, with nothing in doubt: it does not count as one. */
  async paused(): Promise<void> {
    const known = { ...this.current, idleAttempts: 0, pausedAt: Date.now() };
    delete known.running;
    await this.save({ ...known, attempts: known.attempts - 1 });
  }

  /** A range ended early, and its program could say how far it came. */
  async stopped(moved: number | undefined): Promise<void> {
    const { running } = this.current;
    if (moved === undefined || running === undefined) return;
    try {
      await this.save({ ...this.current, running: { ...running, moved } });
    } catch (error) {
      // Only a count would be closer to the truth; why the range ended matters more.
      if (!(error instanceof DrayError) || error.code !== 'StorageFull') throw error;
    }
  }

  /** Chunks that were read back; `late`: digests that were taken from the source meanwhile. */
  async compared(
    equal: readonly ByteRange[],
    differing: readonly ByteRange[],
    late: readonly (ByteRange & { digest: string })[],
  ): Promise<void> {
    await this.chunks.recordLate(late);
    const before = this.current;
    const after = {
      ...before,
      verified: equal.reduce(addRange, before.verified),
      differing: differing.reduce(addRange, equal.reduce(removeRange, before.differing)),
      bytesDigestedLate: before.bytesDigestedLate + sumBytes(late),
    };
    // What differs is looked at in each attempt, which is no progress.
    const known = ({ verified, differing }: Checkpoint): number =>
      sumBytes(verified) + sumBytes(differing);
    await this.save(known(after) > known(before) ? { ...after, idleAttempts: 0 } : after);
  }

  /**
   * The error to end this attempt with: `code` once there were enough attempts and patience without
   * a byte more. The count then starts anew, for the attempt a person decides on.
   */
  async judge(code: StallCode, error: DrayError, limits: TimeLimits): Promise<DrayError> {
    const { idleAttempts: attempts, idleSince: since } = this.current;
    const stall = stalled(code, error, { attempts, since }, limits);
    if (stall === undefined) return error;
    await this.save({ ...this.current, idleAttempts: 0 });
    return stall;
  }

  /** A part that is copied again may be readable by then. @throws TooManyUnreadable */
  #unreadableAfter(done: readonly RangeDone[]): ByteRange[] {
    const found = done.flatMap((each) => each.unreadable ?? []);
    const rest = done.reduce(removeRange, this.current.unreadable);
    const unreadable = found.reduce(addRange, rest);
    if (unreadable.length <= MAX_UNREADABLE) return unreadable;
    const offset = found.at(-1)?.offset ?? 0;
    throw new DrayError('TooManyUnreadable', { most: MAX_UNREADABLE, offset });
  }

  private async go(checkpoint: Checkpoint): Promise<void> {
    const rest = { ...checkpoint };
    delete rest.running;
    const running = windowFrom(rest.flushed, rest.bytesTotal, this.#windowBytes);
    await this.save(running === undefined ? rest : { ...rest, running });
  }

  private async save(checkpoint: Checkpoint): Promise<void> {
    assertCurrent(this.lease.epoch);
    if (!holdsLease(this.lease)) throw new DrayError('CopierFenced', { volume: this.volume });
    await saveCheckpoint(this.lease.directory, checkpoint);
    this.current = checkpoint;
  }
}
