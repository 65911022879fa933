import type { ConfiguredLanes } from './lane-limits.ts';

/** What one copy or comparison may use of a host's lanes, from when it begins until it ends. */
export type LaneShare = {
  /** At least one, also where more work than there are lanes. */
  readonly lanes: number;
  /** Calls back at each change; the answer ends that. */
  follow(listener: () => void): () => void;
  end(): void;
};

type Sharer = { backends: ReadonlySet<string>; listeners: Set<() => void> };

/**
 * The lanes of a host, and of each backend that has a limit of its own there: all that work at a time
 * have as many as the others.
 */
export class LaneBudget {
  readonly #sharers = new Set<Sharer>();

  constructor(private readonly most: ConfiguredLanes) {}

  /** `backends`: names of those that it reads or writes. */
  share(backends: Iterable<string>): LaneShare {
    const sharer: Sharer = { backends: new Set(backends), listeners: new Set() };
    this.#sharers.add(sharer);
    this.#tell();
    const lanes = (): number => this.#lanesOf(sharer);
    return {
      get lanes() {
        return lanes();
      },
      follow(listener) {
        sharer.listeners.add(listener);
        return () => void sharer.listeners.delete(listener);
      },
      end: () => {
        this.#sharers.delete(sharer);
        this.#tell();
      },
    };
  }

  #lanesOf({ backends }: Sharer): number {
    const { lanes, lanesOf } = this.most;
    const shares = [...backends].map((name) => {
      const others = [...this.#sharers].filter((sharer) => sharer.backends.has(name));
      return (lanesOf[name] ?? lanes) / others.length;
    });
    return Math.max(1, Math.floor(Math.min(lanes / this.#sharers.size, ...shares)));
  }

  #tell(): void {
    for (const { listeners } of this.#sharers) for (const listener of listeners) listener();
  }
}
