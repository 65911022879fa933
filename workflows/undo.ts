import { CancellationScope } from '@temporalio/workflow';
import type { UndoProof } from '../contract/certificate.ts';
import type { Role } from '../contract/volume.ts';
import { now } from './clock.ts';
import { count } from './metrics.ts';

export type UndoOutcome = Pick<UndoProof, 'outcome' | 'because'> & {
  /** The rest of this lane must stay as it is, since something in it was not released. */
  stop?: true;
};

export type UndoStep = Pick<UndoProof, 'step' | 'about'> & {
  /** Steps of one lane are strictly ordered; the lanes of the two volumes go side by side. */
  lane: 'copier' | Role;
  run: () => Promise<UndoOutcome>;
  /**
   * What is done instead where the host is let go but the volumes are kept: `run` then stays for
   * the end. Default: `run`, for good.
   */
  suspend?: () => Promise<UndoOutcome>;
};

/**
 * What has to be taken back, pushed before it is acquired. The one way out of every workflow:
 * success, failure and cancel all end here.
 */
export class UndoStack {
  #steps: UndoStep[] = [];
  /** What became of every step so far, in the order in which they ended. */
  readonly proofs: UndoProof[] = [];

  push(...steps: UndoStep[]): void {
    this.#steps.push(...steps);
  }

  /**
   * The copier first, then each volume newest first. Nothing cancels it. Answers whether all of it
   * was taken back; what was left by decision is not tried again.
   */
  async unwind(): Promise<boolean> {
    return this.#unwind(({ run }) => run());
  }

  /** As unwind, but keeps what only the end of the copy gives back. */
  async suspend(): Promise<boolean> {
    const kept: UndoStep[] = [];
    const complete = await this.#unwind(async (step) => {
      const outcome = await (step.suspend ?? step.run)();
      if (outcome.stop !== true && step.suspend !== undefined) kept.unshift(step);
      return outcome;
    });
    this.push(...kept);
    return complete;
  }

  async #unwind(take: (step: UndoStep) => Promise<UndoOutcome>): Promise<boolean> {
    return CancellationScope.nonCancellable(async () => {
      await this.#unwindLane('copier', take);
      const lanes = [this.#unwindLane('destination', take), this.#unwindLane('source', take)];
      return (await Promise.all(lanes)).every((complete) => complete);
    });
  }

  async #unwindLane(
    lane: UndoStep['lane'],
    take: (step: UndoStep) => Promise<UndoOutcome>,
  ): Promise<boolean> {
    const steps = this.#steps.filter((step) => step.lane === lane).reverse();
    this.#steps = this.#steps.filter((step) => step.lane !== lane);
    let heldBy: string | undefined;
    for (const undo of steps) {
      const { step, about } = undo;
      const { stop, ...outcome } = heldBy === undefined ? await take(undo) : skippedAfter(heldBy);
      this.proofs.push({ step, about, ...outcome, at: now() });
      const verb = step.slice(step.indexOf('.') + 1);
      count('drayage_undo_steps_total', 1, { step: verb, outcome: outcome.outcome });
      if (stop === true) heldBy = step;
    }
    return heldBy === undefined;
  }
}

function skippedAfter(heldBy: string): UndoOutcome {
  return { outcome: 'skipped', because: `${heldBy} was not done` };
}
