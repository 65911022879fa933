import type { WorkflowHandle } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeFailure } from '../../client/failure.ts';
import type { CopyReport } from '../../contract/copy.ts';
import {
  type CopyStatus,
  DECIDE_UPDATE,
  type DecisionKind,
  type ParkedStep,
  STATUS_QUERY,
} from '../../contract/messages.ts';
import type { Drayage } from './drayage.ts';
import { until } from './poll.ts';

/** The longest that a row waits for the end. */
const PATIENCE_MS = 200_000;

/** How it ended, in words that a table can show: `completed`, `failed VolumeBusy` … */
export type Ending = { outcome: string; message: string; report?: CopyReport };

/** One workflow of a rig, seen from outside. */
export abstract class WorkflowRun {
  /** Codes of what was parked and how it was decided, in order. */
  readonly decided: string[] = [];

  constructor(
    readonly rig: Drayage,
    readonly handle: WorkflowHandle,
  ) {}

  /** What its result says. */
  protected abstract conclude(result: unknown): Ending;

  /**
   * Waits for the end, or for a step that is parked without anybody waiting for it. What was parked
   * and decided stands before it.
   */
  async ending(): Promise<Ending> {
    const over = new AbortController();
    const stuck = this.#stuck(over.signal);
    try {
      return await Promise.race([this.#result(over.signal), stuck]);
    } finally {
      over.abort();
      // A question that is still being asked again would find the connection closed.
      await stuck.catch(() => undefined);
    }
  }

  async #stuck(signal: AbortSignal): Promise<Ending> {
    const started = performance.now();
    for (;;) {
      await sleep(1000, undefined, { signal, ref: false });
      // Without a worker nobody can answer; then it is asked again.
      const status = await this.status().catch(() => undefined);
      const [parked] = status?.parked ?? [];
      const late = performance.now() - started > PATIENCE_MS;
      if (parked === undefined && !late) continue;
      const outcome = parked === undefined ? 'not ended' : `parked ${parked.step} ${parked.code}`;
      return { outcome, message: parked?.message ?? JSON.stringify(status) };
    }
  }

  async #result(signal: AbortSignal): Promise<Ending> {
    const before = this.decided.map((what) => `${what}, then `).join('');
    try {
      const result = this.rig.client.withAbortSignal(signal, () => this.handle.result());
      const ending = this.conclude(await result);
      return { ...ending, outcome: before + ending.outcome };
    } catch (error) {
      const { code, message } = describeFailure(error);
      const words: Record<string, string> = { Cancelled: 'cancelled', Terminated: 'terminated' };
      return { outcome: before + (words[code] ?? `failed ${code}`), message };
    }
  }

  status(): Promise<CopyStatus> {
    return this.handle.query<CopyStatus>(STATUS_QUERY);
  }

  /** Waits until a step is parked, one of that name where one is given. */
  async parked(step?: string, seconds = 90): Promise<ParkedStep> {
    return until(
      `${step ?? 'a step'} parked`,
      async () => {
        const { status } = await this.handle.describe();
        if (status.name !== 'RUNNING') {
          throw new Error(`not parked but ${(await this.ending()).outcome}`);
        }
        // Without a worker, or with one that is cut off, nobody can answer; then it is asked again.
        const answer = await this.status().catch(() => undefined);
        return answer?.parked.find((found) => step === undefined || found.step === step);
      },
      { seconds, everyMs: 250 },
    );
  }

  async decide(parked: ParkedStep, decision: DecisionKind, hostIsOff?: true): Promise<void> {
    this.decided.push(`parked ${parked.code}, decided ${decision}`);
    const argument = { step: parked.step, decision, reason: 'the test says so', hostIsOff };
    await this.handle.executeUpdate(DECIDE_UPDATE, { args: [argument] });
  }
}
