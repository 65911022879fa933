import type { ByteRange } from '../../contract/copy.ts';

/** Hands the chunks of a range out in order, none that ends further ahead than the window. */
export class Chunks {
  #next: number;
  #recorded: number;
  readonly #waiting: (() => void)[] = [];

  constructor(
    private readonly range: ByteRange,
    private readonly chunkBytes: number,
    private readonly windowBytes: number,
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
    this.#next = this.range.offset + this.range.length;
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Everything before this byte is recorded as done. */
  recorded(upTo: number): void {
    this.#recorded = Math.max(this.#recorded, upTo);
    for (const go of this.#waiting.splice(0)) go();
  }

  /** `onHeld` is called when the window is full; undefined when no chunk is left. */
  async take(onHeld: () => void): Promise<ByteRange | undefined> {
    while (!this.#isEmpty && this.#behindNext() > this.#recorded + this.windowBytes) {
      const go = new Promise<void>((resolve) => this.#waiting.push(resolve));
      onHeld();
      await go;
    }
    if (this.#isEmpty) return undefined;
    const offset = this.#next;
    this.#next = this.#behindNext();
    return { offset, length: this.#next - offset };
  }

  get #isEmpty(): boolean {
    return this.#next >= this.range.offset + this.range.length;
  }

  /** Boundaries are multiples of the chunk, wherever the range begins. */
  #behindNext(): number {
    const boundary = (Math.floor(this.#next / this.chunkBytes) + 1) * this.chunkBytes;
    return Math.min(boundary, this.range.offset + this.range.length);
  }
}
