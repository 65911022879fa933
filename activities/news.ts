import type { CopyProgress, VerifyProgress } from '../contract/copy.ts';
import type { DataNews } from '../contract/messages.ts';

/** Of a data step that goes on, its workflow hears after such a part of the bytes, */
const PART = 1 / 20;
/** and no sooner than this. Unit: milliseconds. */
const LEAST_MILLISECONDS = 10_000;

type Progress = Partial<CopyProgress & VerifyProgress>;

/** What was told of a step so far; its heartbeat hands it on from attempt to attempt. */
export type Told = {
  /** The most bytes that were told to be done. */
  done: number;
  /** How many stalls were told, */
  stalls: number;
  /** and when the last one was. Unit: milliseconds since 1970. */
  stalledAt: number;
  /** Whether the workflow may take the step for stalled: an answer can be lost. */
  mayBeStalled: boolean;
};

export type NewsOptions = {
  /** Without a byte for longer than this it stands still. Unit: milliseconds. */
  patience: number;
  /** Under a limit, nothing moves for as long as the longest request has to wait. Unit: bytes. */
  requestBytes: number;
  /** What the attempts before this one told. */
  before?: Told;
  /** Fails where it is not known to have arrived; then it is told again. */
  tell: (news: DataNews) => Promise<void>;
};

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();

/**
 * Decides which of the progress of a data step is news to its workflow: each is kept for ever. So
 * twice as long as after the stall before has to go by until another one is news.
 */
export class News {
  #told: Told;
  /** How far it was when that was last told, or when this attempt began. */
  #last: { at: number; done: number } | undefined;
  #moved: { at: number; bytes: number } | undefined;
  /** In this attempt. */
  #hasMoved = false;
  /** As this attempt told, and as the workflow is known to have heard. */
  #isStalled = false;
  #isTelling = false;

  constructor(private readonly options: NewsOptions) {
    this.#told = options.before ?? { done: 0, stalls: 0, stalledAt: 0, mayBeStalled: false };
  }

  get told(): Told {
    return this.#told;
  }

  /** To be called again and again, also where nothing moves. `now`: ms since 1970. */
  async look(progress: Progress, now = Date.now()): Promise<void> {
    const { bytesFlushed, bytesCompared, bytesTotal: total, limit } = progress;
    const { bytesSubmitted, bytesRead } = progress;
    const done = bytesCompared ?? bytesFlushed;
    if (done === undefined || total === undefined) return;
    const last = (this.#last ??= { at: now, done });
    const movedAt = this.#follow(now, Math.max(done, bytesSubmitted ?? bytesRead ?? 0));
    if (this.#isTelling) return;
    const isStill = now - movedAt > this.#patienceUnder(limit);
    const isStalled = isStill && (this.#isStalled || now >= this.#quietUntil);
    const goesOn = !isStalled && this.#hasMoved && this.#told.mayBeStalled;
    const more = done - this.#told.done;
    const isPart = more > 0 && more >= total * PART && now - last.at >= LEAST_MILLISECONDS;
    if (isStalled === this.#isStalled && !goesOn && !isPart) return;
    const rate = Math.max(0, (done - last.done) / Math.max(1, now - last.at));
    const news = { at: iso(now), done, total, bytesPerSecond: Math.round(rate * 1000) };
    if (isStalled) await this.#tell(now, { ...news, stalledSince: iso(movedAt) });
    else if (rate === 0) await this.#tell(now, news);
    else await this.#tell(now, { ...news, until: iso(now + (total - done) / rate) });
  }

  /** When the last byte moved that this attempt knows of. */
  #follow(now: number, bytes: number): number {
    if (bytes === this.#moved?.bytes) return this.#moved.at;
    this.#hasMoved = this.#moved !== undefined;
    this.#moved = { at: now, bytes };
    return now;
  }

  #patienceUnder(limit: number | undefined): number {
    const { patience, requestBytes } = this.options;
    return patience + (limit === undefined ? 0 : (requestBytes / limit) * 1000);
  }

  get #quietUntil(): number {
    const { stalls, stalledAt } = this.#told;
    return stalledAt + this.options.patience * 2 ** stalls;
  }

  async #tell(now: number, news: DataNews): Promise<void> {
    const isStalled = news.stalledSince !== undefined;
    const before = this.#told;
    this.#isTelling = true;
    this.#told = { ...before, mayBeStalled: before.mayBeStalled || isStalled };
    try {
      await this.options.tell(news);
    } catch {
      // The next look finds it untold.
      return;
    } finally {
      this.#isTelling = false;
    }
    const isAnother = isStalled && !this.#isStalled;
    this.#isStalled = isStalled;
    this.#last = { at: now, done: news.done };
    this.#told = {
      done: Math.max(before.done, news.done),
      mayBeStalled: isStalled,
      ...(isAnother
        ? { stalls: before.stalls + 1, stalledAt: now }
        : { stalls: before.stalls, stalledAt: before.stalledAt }),
    };
  }
}
