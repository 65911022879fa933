import type { ByteRange } from '../../contract/copy.ts';

/** Chunks that are given at once where none of them needs a lane. */
const RUN_CHUNKS = 1024;

/** What is known of the source before it is read. */
export type Content = {
  /** How far there is nothing that needs a lane, from an offset on. */
  emptyUpTo: (offset: number) => Promise<number>;
  /** Where there is data; undefined where nobody knows. */
  within: (chunk: ByteRange) => Promise<ByteRange[] | undefined>;
};

/** What is to be done next: a chunk with its data, or whole chunks that need no lane. */
export type Taken = ByteRange & { isEmpty: boolean; data?: ByteRange[] };

/** Chunks of one length, one behind the other. */
export type Stretch = ByteRange & { chunkBytes: number };

/**
 * Hands the chunks of a range out in order, none that ends further ahead than the window. Those
 * that hold nothing come several at once and from anywhere: nothing of them can be in doubt.
 */
export class Chunks {
  #next: number;
  #recorded: number;
  readonly #waiting: (() => void)[] = [];

  constructor(
    private readonly range: ByteRange,
    private readonly chunkBytes: number,
    private readonly windowBytes: number,
    private readonly content: Content,
  ) {
    this.#next = range.offset;
    this.#recorded = range.offset;
  }

  /** Whether somebody waits for what is written to be recorded. */
  get isHeld(): boolean {
    return this.#waiting.length > 0;
  }

  /** No chunk is given any more. */
  stop(): void {
    this.#next = this.#end;
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Everything before this byte is recorded as done. */
  recorded(upTo: number): void {
    this.#recorded = Math.max(this.#recorded, upTo);
    for (const go of this.#waiting.splice(0)) go();
  }

  /** `onHeld` is called when the window is full; undefined when no chunk is left. */
  async take(onHeld: () => void): Promise<Taken | undefined> {
    while (this.#next < this.#end) {
      const offset = this.#next;
      const empty = this.#wholeChunks(offset, await this.content.emptyUpTo(offset));
      const isEmpty = empty > offset;
      const end = isEmpty ? empty : this.#behind(offset);
      const range = { offset, length: end - offset };
      const data = isEmpty ? undefined : await this.content.within(range);
      // Another lane has taken it meanwhile, and what was told of it may be forgotten.
      if (offset !== this.#next) continue;
      if (isEmpty || end <= this.#recorded + this.windowBytes) {
        this.#next = end;
        return { ...range, isEmpty, ...(data === undefined ? {} : { data }) };
      }
      const go = new Promise<void>((resolve) => this.#waiting.push(resolve));
      onHeld();
      await go;
    }
    return undefined;
  }

  /** The chunks of a run, those of one length in a row together: so few are told of, however many. */
  stretches({ offset, length }: ByteRange): Stretch[] {
    const found: Stretch[] = [];
    for (let at = offset; at < offset + length; at = this.#behind(at)) {
      const chunkBytes = this.#behind(at) - at;
      const last = found.at(-1);
      if (last?.chunkBytes === chunkBytes) last.length += chunkBytes;
      else found.push({ offset: at, length: chunkBytes, chunkBytes });
    }
    return found;
  }

  get #end(): number {
    return this.range.offset + this.range.length;
  }

  /** Boundaries are multiples of the chunk, wherever the range begins. */
  #behind(offset: number): number {
    const boundary = (Math.floor(offset / this.chunkBytes) + 1) * this.chunkBytes;
    return Math.min(boundary, this.#end);
  }

  #wholeChunks(offset: number, upTo: number): number {
    const most = (Math.floor(offset / this.chunkBytes) + RUN_CHUNKS) * this.chunkBytes;
    const whole = upTo >= this.#end ? this.#end : upTo - (upTo % this.chunkBytes);
    return Math.min(whole, most);
  }
}
