import { join } from 'node:path';
import { z } from 'zod';
import type { CopyControl } from '../contract/control.ts';
import type { CopyPlan } from '../contract/copy.ts';
import type { VolumeRef } from '../contract/volume.ts';
import { readJson, writeAtomic } from '../system/atomic-file.ts';
import type { HostState } from '../system/host-state.ts';
import type { DataRun } from './data-run.ts';
import { inDirectoryOf, type Lease } from './lease.ts';

/** How soon a copier follows a change. Unit: milliseconds. */
const LOOK_MILLISECONDS = 250;

const count = z.int().min(0);
const fileSchema = z.object({
  /** Versions are counted by run: one that was reset counts anew. */
  runId: z.string(),
  control: z.object({
    version: count,
    paused: z.boolean(),
    limit: z.union([count.min(1), z.literal('unlimited')]).exactOptional(),
  }),
});

const fileIn = (directory: string): string => join(directory, 'control.json');

/** A run's newest control on this host; undefined while there is none. @throws StateDamaged */
async function readControl(directory: string, runId: string): Promise<CopyControl | undefined> {
  const found = await readJson(fileIn(directory), fileSchema);
  return found?.runId === runId ? found.control : undefined;
}

/**
 * Writes down what people want, for the attempt that runs and for each one to come; an older
 * version than the one that is there changes nothing. `fenceCopier` removes it with the checkpoint.
 * @throws CopierFenced where another copy is at work, WorkerSuperseded, StateUnwritable, StorageFull
 */
export async function writeControl(
  state: HostState,
  copy: { destination: VolumeRef; copyId: string; runId: string },
  control: CopyControl,
): Promise<void> {
  const { runId } = copy;
  await inDirectoryOf(state, copy, async (directory) => {
    // A damaged one says nothing, and is replaced.
    const found = await readControl(directory, runId).catch(() => undefined);
    if ((found?.version ?? -1) >= control.version) return;
    await writeAtomic(fileIn(directory), JSON.stringify({ runId, control }));
  });
}

/** What an attempt is told of wishes when it starts. */
export type Wishes = {
  runId: string;
  /** As the step was started; the host may know a newer one. */
  control: CopyControl;
  /** The host's own limit at this moment, for a copy that has none. Unit: bytes a second. */
  hostLimit: () => number | undefined;
};

/** Who is steered; its plan's limit holds where nobody wants another one. */
type Steered = Pick<DataRun, 'copyId' | 'log'> & {
  wishes: Wishes;
  plan: Pick<CopyPlan, 'bytesPerSecond'>;
};

type Followed = { follow(listener: () => void): () => void };

/** Calls back at each change of any of them; the answer's answer ends that. */
export const followingAll =
  (...followed: readonly Followed[]): Followed['follow'] =>
  (listener) => {
    const ends = followed.map((each) => each.follow(listener));
    return () => ends.forEach((end) => end());
  };

/** What people and the timetable want of a copy, followed while it runs. */
export class Steering {
  #control: CopyControl;
  #told: string;
  /** Why it was not known at the last look that failed: looks are many, and it is told once. */
  #because: string | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;

  private constructor(
    private readonly directory: string,
    private readonly wishes: Wishes,
    private readonly plannedLimit: number | undefined,
    private readonly onNotice: (notice: string) => void,
  ) {
    this.#control = wishes.control;
    this.#told = this.#wanted;
    this.#timer = setInterval(() => void this.#look(), LOOK_MILLISECONDS);
  }

  static async open(
    { directory }: Pick<Lease, 'directory'>,
    { wishes, plan, log, copyId }: Steered,
  ): Promise<Steering> {
    const steering = new Steering(directory, wishes, plan.bytesPerSecond, (notice) =>
      log.warn(notice, { copyId }),
    );
    await steering.#look();
    return steering;
  }

  get paused(): boolean {
    return this.#control.paused;
  }

  /** Bytes a second; undefined: unlimited. People say first, then the plan, then the host. */
  get limit(): number | undefined {
    const { limit } = this.#control;
    if (limit === 'unlimited') return undefined;
    return limit ?? this.plannedLimit ?? this.wishes.hostLimit();
  }

  /** Calls back at each change; the answer ends that. */
  follow(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  get #wanted(): string {
    return `${this.paused} ${this.limit}`;
  }

  async #look(): Promise<void> {
    try {
      const found = await readControl(this.directory, this.wishes.runId);
      if (found !== undefined && found.version > this.#control.version) this.#control = found;
    } catch (error) {
      // Of whatever kind: nobody waits for this look but the next one.
      const because = (error as Error).message;
      if (because !== this.#because) {
        this.onNotice(`what was last wanted of this copy is not known: ${because}`);
      }
      this.#because = because;
    }
    if (this.#told === this.#wanted) return;
    this.#told = this.#wanted;
    for (const listener of this.#listeners) listener();
  }
}
