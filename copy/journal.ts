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
import { addRange, nextMissing } from './ranges.ts';
import { stalled } from './stall.ts';

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

  /**
   * The first range to copy, at most `most` bytes of it; undefined when none is missing. What an
   * earlier attempt left in doubt is moved once more.
   */
  async begin(most: number): Promise<ByteRange | undefined> {
    const { running: doubted } = this.current;
    const again = doubted === undefined ? 0 : (doubted.moved ?? doubted.length);
    const bytesCopiedAgain = this.current.bytesCopiedAgain + again;
    return this.go({ ...this.current, bytesCopiedAgain }, most);
  }

  /**
   * After a range's flush, and before anybody is told. Answers the next range, whose start is
   * written down with it: each write costs two flushes of the disk that is being copied to.
   */
  async flushed(range: ByteRange, most: number): Promise<ByteRange | undefined> {
    const flushed = addRange(this.current.flushed, range);
    return this.go({ ...this.current, flushed, idleAttempts: 0 }, most);
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
    const { idleAttempts: attempts, idleSince: since } = this.current;
    const stall = stalled('CopyStalled', error, { attempts, since }, limits);
    if (stall === undefined) return error;
    await this.save({ ...this.current, idleAttempts: 0 });
    return stall;
  }

  private async go(checkpoint: Checkpoint, most: number): Promise<ByteRange | undefined> {
    const running = nextMissing(checkpoint.flushed, checkpoint.bytesTotal, most);
    const rest = { ...checkpoint };
    delete rest.running;
    await this.save(running === undefined ? rest : { ...rest, running });
    return running;
  }

  private async save(checkpoint: Checkpoint): Promise<void> {
    assertCurrent(this.lease.epoch);
    if (!holdsLease(this.lease)) throw new DrayError('CopierFenced', { volume: this.volume });
    await saveCheckpoint(this.lease.directory, checkpoint);
    this.current = checkpoint;
  }
}
