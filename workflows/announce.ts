import {
  CancellationScope,
  condition,
  log,
  proxyLocalActivities,
  startChild,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import type { HookActivities } from '../activities/hooks.ts';
import { decideCommand } from '../contract/commands.ts';
import type { HookEvent, HookMessage, NotifyInput, RunOutcome } from '../contract/hooks.ts';
import { notifyWorkflowId } from '../contract/ids.ts';
import type { ParkedStep } from '../contract/messages.ts';
import { searchAttributes } from '../contract/search-attributes.ts';
import { formatVolume } from '../contract/volume.ts';
import { WORKFLOWS } from '../contract/workflows.ts';
import { now } from './clock.ts';
import type { Fault } from './faults.ts';
import { count } from './metrics.ts';
import type { Run } from './run.ts';

/** The worker at hand is asked, which costs the history one event and nobody any time. */
const { hooksFor } = proxyLocalActivities<HookActivities>({
  startToCloseTimeout: '10 seconds',
  cancellationType: 'TRY_CANCEL',
  // A worker that cannot answer must not hold up the end of a run.
  retry: { maximumAttempts: 3 },
});

type Data = HookMessage['data'];

/** What only this event has. */
type Happened = Pick<Data, 'message' | 'next'> & Partial<Data>;

function messageOf(run: Run, type: HookEvent, happened: Happened): HookMessage {
  const { workflowId, runId, typedSearchAttributes: named } = workflowInfo();
  const source = named.get(searchAttributes.source);
  const destination = named.get(searchAttributes.destination);
  const held = run.held.map(
    ({ what, volume, because }) => `${what} of ${formatVolume(volume)}: ${because}`,
  );
  const data: Data = {
    ...{ workflowId, runId, title: run.title, host: run.host },
    ...(source === undefined ? {} : { source }),
    ...(destination === undefined ? {} : { destination }),
    ...happened,
    held,
  };
  return { type, timestamp: now(), data };
}

/** Leaves the message to a workflow of its own, so that no receiver holds up a run. */
async function send(message: HookMessage): Promise<void> {
  const { workflowId } = workflowInfo();
  try {
    const hooks = await hooksFor(message.type);
    if (hooks.length === 0) return;
    // From the seed of the history: the same on replay, after a reset another one.
    const id = `msg_${uuid4()}`;
    const input: NotifyInput = { id, hooks, message };
    await startChild(WORKFLOWS.notifyHooks, {
      workflowId: notifyWorkflowId(workflowId, id),
      args: [input],
      parentClosePolicy: 'ABANDON',
      cancellationType: 'ABANDON',
      staticSummary: `${message.type} of ${workflowId}`,
    });
  } catch (error) {
    log.warn('an event could not be told', { event: message.type, error });
  }
}

/** Tells metrics and webhooks what becomes of a run. */
export class Announcer {
  readonly #parked = new Set<ParkedStep>();
  readonly #sending = new Set<Promise<void>>();

  constructor(private readonly run: Run) {
    // A cancelled run may park as well, while it takes back what it acquired.
    void CancellationScope.nonCancellable(() =>
      Promise.all([this.#watchParked(), this.#watchStalls()]),
    );
  }

  /** Returns once somebody else sees to it that everybody is told. */
  async ended(outcome: RunOutcome, fault?: Fault): Promise<void> {
    const { workflowId, workflowType } = workflowInfo();
    count('drayage_ended_runs_total', 1, { outcome, class: fault?.class ?? 'none' });
    const isCopied = outcome === 'done' && workflowType === WORKFLOWS.copyVolume;
    this.#announce('run.ended', {
      outcome,
      ...(fault === undefined
        ? { message: 'it is done' }
        : { code: fault.code, message: fault.message, whatToDo: fault.whatToDo }),
      next: [`dray ${isCopied ? 'report' : 'show'} ${workflowId}`],
    });
    await Promise.all(this.#sending);
  }

  #announce(type: HookEvent, happened: Happened): void {
    const message = messageOf(this.run, type, happened);
    const sending = CancellationScope.nonCancellable(() => send(message));
    this.#sending.add(sending);
  }

  async #watchParked(): Promise<never> {
    const untold = (): ParkedStep[] =>
      this.run.desk.parked.filter((step) => !this.#parked.has(step));
    for (;;) {
      await condition(() => untold().length > 0);
      for (const parked of untold()) {
        this.#parked.add(parked);
        this.#announceParked(parked);
      }
    }
  }

  #announceParked(parked: ParkedStep): void {
    const { step, code, message, whatToDo, accepts } = parked;
    const { workflowId } = workflowInfo();
    count('drayage_parked_steps_total', 1, { code });
    const decisions = accepts.map((decision) => decideCommand(workflowId, step, decision));
    const next = [`dray why ${workflowId}`, ...decisions];
    this.#announce('run.parked', { step, code, message, whatToDo, next });
  }

  async #watchStalls(): Promise<never> {
    const { workflowId } = workflowInfo();
    for (let since: string | undefined; ;) {
      await condition(() => this.run.status.news?.stalledSince !== since);
      since = this.run.status.news?.stalledSince;
      if (since === undefined) continue;
      count('drayage_stalls_total', 1, {});
      const next = ['why', 'watch', 'cancel'].map((verb) => `dray ${verb} ${workflowId}`);
      this.#announce('run.stalled', { message: `no byte since ${since}`, next });
    }
  }
}
