import { CancellationScope } from '@temporalio/workflow';
import type { UndoProof } from '../contract/certificate.ts';
import type { Role } from '../contract/volume.ts';
import { now } from './clock.ts';

export type UndoOutcome = Pick<UndoProof, 'outcome' | 'because'> & {
  /** The rest of this lane must stay as it is, since something in it was not released. */
  stop?: true;
};

export type UndoStep = Pick<UndoProof, 'step' | 'about'> & {
  /** Steps of one lane are strictly ordered; the lanes of the two volumes go side by side. */
  lane: 'copier' | Role;
  run: () => Promise<UndoOutcome>;
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
    return CancellationScope.nonCancellable(async () => {
      await this.#unwindLane('copier');
      const lanes = [this.#unwindLane('destination'), this.#unwindLane('source')];
      return (await Promise.all(lanes)).every((complete) => complete);
    });
  }

  async #unwindLane(lane: UndoStep['lane']): Promise<boolean> {
    const steps = this.#steps.filter((step) => step.lane === lane).reverse();
    this.#steps = this.#steps.filter((step) => step.lane !== lane);
    let heldBy: string | undefined;
    for (const { step, about, run } of steps) {
      const { stop, ...outcome } = heldBy === undefined ? await run() : skippedAfter(heldBy);
      this.proofs.push({ step, about, ...outcome, at: now() });
      if (stop === true) heldBy = step;
    }
    return heldBy === undefined;
  }
}

function skippedAfter(heldBy: string): UndoOutcome {
  return { outcome: 'skipped', because: `${heldBy} was not done` };
}
