import type { CopyProgress, LaneSetting } from '../contract/copy.ts';
import type { Checkpoint } from './checkpoint.ts';
import { sumBytes } from './ranges.ts';
import { Rate } from './rate.ts';

type Known = Readonly<Pick<Checkpoint, 'flushed' | 'unreadable' | 'counts'>>;

/**
 * Reports once a second and after each flush, so that a target that hangs shows as a rate of 0
 * and not as silence.
 */
export class ProgressReport {
  readonly #rate = new Rate();
  readonly #timer: NodeJS.Timeout;
  readonly #attempt: number;
  readonly #bytesTotal: number;
  #known: Known;
  #submitted = 0;
  #pid: number | undefined;
  #lanes: LaneSetting | undefined;

  constructor(
    checkpoint: Readonly<Checkpoint>,
    private digestsRoot: string,
    private readonly tell: (progress: CopyProgress) => void,
  ) {
    this.#attempt = checkpoint.attempts;
    this.#bytesTotal = checkpoint.bytesTotal;
    this.#known = checkpoint;
    this.#timer = setInterval(() => this.#report(), 1000);
    this.#report();
  }

  /** The last that was told, if the engine has lanes. */
  get lanes(): LaneSetting | undefined {
    return this.#lanes;
  }

  /** Bytes of the running range. */
  submitted(bytes: number, pid: number, lanes?: LaneSetting): void {
    this.#submitted = bytes;
    this.#pid = pid;
    this.#lanes = lanes ?? this.#lanes;
    this.#report();
  }

  ended(): void {
    this.#pid = undefined;
  }

  recorded(known: Known, digestsRoot: string): void {
    this.#known = known;
    this.digestsRoot = digestsRoot;
    this.#submitted = 0;
    this.#report();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The last word of an attempt that ends with nothing in doubt. */
  settled(checkpoint: Readonly<Checkpoint>): CopyProgress {
    const { attempts, startedAt, bytesCopiedAgain, bytesRepaired, touched } = checkpoint;
    const seconds = (Date.now() - startedAt) / 1000;
    this.#known = checkpoint;
    this.#submitted = 0;
    const settled = { seconds, bytesCopiedAgain, bytesRepaired, touched };
    return { ...this.#progress(0), attempt: attempts, settled };
  }

  #progress(bytesPerSecond?: number): CopyProgress {
    const { flushed, unreadable, counts } = this.#known;
    const bytesFlushed = sumBytes(flushed);
    const bytesSubmitted = Math.min(bytesFlushed + this.#submitted, this.#bytesTotal);
    return {
      bytesFlushed,
      bytesSubmitted,
      bytesTotal: this.#bytesTotal,
      bytesPerSecond: bytesPerSecond ?? this.#rate.add(bytesSubmitted),
      attempt: this.#attempt,
      ...(this.#pid === undefined ? {} : { copierPid: this.#pid }),
      flushed,
      unreadable,
      digestsRoot: this.digestsRoot,
      ...this.#lanes,
      ...counts,
    };
  }

  #report(): void {
    this.tell(this.#progress());
  }
}
