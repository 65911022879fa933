import type { CopyProgress, LaneSetting } from '../contract/copy.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { ChunkMap } from './chunk-map.ts';
import type { Journal } from './journal.ts';
import { enclosed, sumBytes } from './ranges.ts';
import { Rate } from './rate.ts';

/** Of which a workflow's history takes the list; what is between counts as touched as well. */
const MOST_TOUCHED = 1000;

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
  #digestsRoot: string;
  #chunkStates: string;

  private constructor(
    checkpoint: Readonly<Checkpoint>,
    private readonly chunks: Pick<ChunkMap, 'root' | 'states'>,
    chunkStates: string,
    private readonly tell: (progress: CopyProgress) => void,
    /** Bytes a second; undefined: unlimited. */
    private readonly limit: () => number | undefined,
  ) {
    this.#attempt = checkpoint.attempts;
    this.#bytesTotal = checkpoint.bytesTotal;
    this.#known = checkpoint;
    this.#digestsRoot = chunks.root;
    this.#chunkStates = chunkStates;
    this.#timer = setInterval(() => void this.#reportChunks(), 1000);
    this.#report();
  }

  static async start(
    { checkpoint, chunks }: Pick<Journal, 'checkpoint' | 'chunks'>,
    tell: (progress: CopyProgress) => void,
    limit: () => number | undefined,
  ): Promise<ProgressReport> {
    const chunkStates = await chunks.states(checkpoint.flushed);
    return new ProgressReport(checkpoint, chunks, chunkStates, tell, limit);
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

  recorded(known: Known): void {
    this.#known = known;
    this.#digestsRoot = this.chunks.root;
    this.#submitted = 0;
    this.#report();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The last word of an attempt that ends with nothing in doubt. */
  async settled(checkpoint: Readonly<Checkpoint>): Promise<CopyProgress> {
    const { attempts, startedAt, bytesCopiedAgain, bytesRepaired, touched } = checkpoint;
    const seconds = (Date.now() - startedAt) / 1000;
    this.#known = checkpoint;
    this.#chunkStates = await this.chunks.states(checkpoint.flushed);
    this.#submitted = 0;
    const told = enclosed(touched, MOST_TOUCHED);
    const settled = { seconds, bytesCopiedAgain, bytesRepaired, touched: told };
    return { ...this.#progress(0), attempt: attempts, settled };
  }

  #progress(bytesPerSecond?: number): CopyProgress {
    const { flushed, unreadable, counts } = this.#known;
    const bytesFlushed = sumBytes(flushed);
    const bytesSubmitted = Math.min(bytesFlushed + this.#submitted, this.#bytesTotal);
    const limit = this.limit();
    return {
      bytesFlushed,
      bytesSubmitted,
      bytesTotal: this.#bytesTotal,
      bytesPerSecond: bytesPerSecond ?? this.#rate.add(bytesSubmitted),
      ...(limit === undefined ? {} : { limit }),
      attempt: this.#attempt,
      ...(this.#pid === undefined ? {} : { copierPid: this.#pid }),
      flushed,
      unreadable,
      digestsRoot: this.#digestsRoot,
      chunkStates: this.#chunkStates,
      ...this.#lanes,
      ...counts,
    };
  }

  /** They take a while of a large volume, so that they are not told with each flush. */
  async #reportChunks(): Promise<void> {
    this.#chunkStates = await this.chunks.states(this.#known.flushed);
    this.#report();
  }

  #report(): void {
    this.tell(this.#progress());
  }
}
