import { DrayError } from '../contract/errors.ts';
import type { ByteRange, CopyPlan } from '../contract/copy.ts';
import type { TimeLimits } from '../contract/limits.ts';
import { assertCurrent } from '../system/epoch.ts';
import {
  type Checkpoint,
  type CheckpointOwner,
  loadCheckpoint,
  saveCheckpoint,
} from './checkpoint.ts';
import { holdsLease, type Lease } from './lease.ts';
import { addRange, missingBytes, nextMissing, windowFrom } from './ranges.ts';
import { stalled } from './stall.ts';

/** One attempt's way to write the checkpoint down; refused once another attempt has the lease. */
export class Journal {
  #windowBytes = 0;

  private constructor(
    private readonly lease: Lease,
    private readonly volume: string,
    private current: Checkpoint,
  ) {}

  /** Goes on from what is known and counts this attempt, durably. */
  static async open(
    lease: Lease,
    volume: string,
    input: CheckpointOwner & { plan: CopyPlan; heartbeat?: unknown },
    onNotice: (notice: string) => void,
  ): Promise<Journal> {
    const { plan, heartbeat } = input;
    const found = await loadCheckpoint(lease.directory, input, plan, heartbeat, onNotice);
    const journal = new Journal(lease, volume, found);
    await journal.save({
      ...found,
      attempts: found.attempts + 1,
      idleAttempts: found.idleAttempts + 1,
      idleSince: found.idleAttempts === 0 ? Date.now() : found.idleSince,
    });
    return journal;
  }

  get checkpoint(): Readonly<Checkpoint> {
    return this.current;
  }

  /** The first range that is missing, at most `most` bytes of it; undefined when none is. */
  next(most: number): ByteRange | undefined {
    return nextMissing(this.current.flushed, this.current.bytesTotal, most);
  }

  /**
   * Before the copy starts: what an earlier attempt left in doubt is now moved once more. Nothing
   * is written `windowBytes` or more behind the first byte that is missing.
   */
  async begin(windowBytes: number): Promise<void> {
    this.#windowBytes = windowBytes;
    const { running: doubted, flushed } = this.current;
    const again = doubted === undefined ? 0 : (doubted.moved ?? missingBytes(flushed, doubted));
    const bytesCopiedAgain = this.current.bytesCopiedAgain + again;
    await this.go({ ...this.current, bytesCopiedAgain });
  }

  /**
   * After a flush, and before anybody is told. What may be written from then on is written down
   * with it: each write costs two flushes of the disk that is being copied to.
   */
  async flushed(done: readonly ByteRange[]): Promise<void> {
    const flushed = done.reduce(addRange, this.current.flushed);
    await this.go({ ...this.current, flushed, idleAttempts: 0 });
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

  /**
   * The error to end this attempt with: CopyStalled once there were enough attempts and patience
   * without a flushed byte. The count then starts anew, for the attempt a person decides on.
   */
  async judge(error: DrayError, limits: TimeLimits): Promise<DrayError> {
    const { idleAttempts: attempts, idleSince: since } = this.current;
    const stall = stalled('CopyStalled', error, { attempts, since }, limits);
    if (stall === undefined) return error;
    await this.save({ ...this.current, idleAttempts: 0 });
    return stall;
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
