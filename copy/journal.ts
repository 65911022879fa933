import { DrayError } from '../contract/errors.ts';
import type { ByteRange, CopyPlan } from '../contract/copy.ts';
import { type TimeLimits, STALL_ATTEMPTS } from '../contract/limits.ts';
import { assertCurrent } from '../system/epoch.ts';
import {
  type Checkpoint,
  type CheckpointOwner,
  loadCheckpoint,
  saveCheckpoint,
} from './checkpoint.ts';
import { holdsLease, type Lease } from './lease.ts';
import { addRange, nextMissing } from './ranges.ts';

/** One attempt's way to write the checkpoint down; refused once another attempt has the lease. */
export class Journal {
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

  next(most: number): ByteRange | undefined {
    return nextMissing(this.current.flushed, this.current.bytesTotal, most);
  }

  /** Before a range starts: what an earlier attempt left in doubt is now moved once more. */
  async started(range: ByteRange): Promise<void> {
    const doubted = this.current.running;
    const again = doubted === undefined ? 0 : (doubted.moved ?? doubted.length);
    const bytesCopiedAgain = this.current.bytesCopiedAgain + again;
    await this.save({ ...this.current, bytesCopiedAgain, running: range });
  }

  /** After its flush, and before anybody is told. */
  async flushed(range: ByteRange): Promise<void> {
    const rest = { ...this.current };
    delete rest.running;
    const flushed = addRange(this.current.flushed, range);
    await this.save({ ...rest, flushed, idleAttempts: 0 });
  }

  /** The range ended early, and its program could say how far it came. */
  async stopped(range: ByteRange, moved: number | undefined): Promise<void> {
    if (moved === undefined) return;
    try {
      await this.save({ ...this.current, running: { ...range, moved } });
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
    const { idleAttempts, idleSince } = this.current;
    const seconds = (Date.now() - idleSince) / 1000;
    const mayTryAgain = idleAttempts < STALL_ATTEMPTS || seconds < limits.patienceSeconds;
    if (mayTryAgain || error.class !== 'retry') return error;
    await this.save({ ...this.current, idleAttempts: 0 });
    const waited = Math.round(seconds);
    const stalled = { attempts: idleAttempts, seconds: waited, because: error.message };
    return new DrayError('CopyStalled', stalled, { cause: error });
  }

  private async save(checkpoint: Checkpoint): Promise<void> {
    assertCurrent(this.lease.epoch);
    if (!holdsLease(this.lease)) throw new DrayError('CopierFenced', { volume: this.volume });
    await saveCheckpoint(this.lease.directory, checkpoint);
    this.current = checkpoint;
  }
}
