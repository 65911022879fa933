import type { Client } from '@temporalio/client';
import type { CopyStatus, ParkedStep } from '../../contract/messages.ts';
import { copyQueue, hostQueue, WORKFLOW_QUEUE } from '../../contract/queues.ts';
import type { Described, PendingStep } from './describe.ts';
import { isServed } from './pollers.ts';

/**
 * What a run waits for. `decision`: a person. `pausedInTemporal`, `paused`: whoever paused it,
 * there or by Drayage. `worker`: somebody who takes its step. `retry`: the next attempt of one that
 * failed. `stalled`: bytes. `slot`: a worker that has its slots full with other steps.
 */
export type Wait =
  | { kind: 'decision'; since: string; parked: ParkedStep }
  | { kind: 'paused'; since: string }
  | { kind: 'stalled'; since: string; step?: PendingStep }
  | { kind: 'pausedInTemporal' | 'retry' | 'slot'; since?: string; step: PendingStep }
  | { kind: 'worker'; since?: string; queue: string };

/** A step that was handed to its queue waits for somebody if nobody took it by then. */
const TAKEN_MILLISECONDS = 5_000;

function kindOf(
  step: PendingStep,
  now: number,
): 'pausedInTemporal' | 'retry' | 'taker' | undefined {
  const { paused, retryAt, running, attempt, beat, scheduledAt } = step;
  if (paused !== undefined) return 'pausedInTemporal';
  // A data step tells by its heartbeat that it goes on; another one that failed is not trusted yet.
  if (retryAt !== undefined || (running && attempt > 1 && beat === undefined)) return 'retry';
  const waited = now - (scheduledAt?.getTime() ?? now);
  return !running && waited > TAKEN_MILLISECONDS ? 'taker' : undefined;
}

/** While all its slots for copies are taken a worker asks for no more, but always for steps. */
const askedOn = (queue: string, host: string): string =>
  queue === copyQueue(host) ? hostQueue(host) : queue;

async function waitOfStep(client: Client, host: string, step: PendingStep): Promise<Wait[]> {
  const kind = kindOf(step, Date.now());
  if (kind === undefined) return [];
  const { queue, paused, scheduledAt } = step;
  const at = kind === 'pausedInTemporal' ? paused?.at : scheduledAt;
  const since = at === undefined ? {} : { since: at.toISOString() };
  if (kind !== 'taker') return [{ kind, ...since, step }];
  const served = await isServed(client, askedOn(queue, host), 'activity');
  return [served ? { kind: 'slot', ...since, step } : { kind: 'worker', ...since, queue }];
}

/**
 * All that an open run waits for, the most pressing first; nothing where its steps go on. `status`
 * is undefined where no worker answers for the workflow itself.
 */
export async function waitsOf(
  client: Client,
  { steps, state, host }: Described,
  status: CopyStatus | undefined,
): Promise<Wait[]> {
  if (state !== 'running') return [];
  const isParked = (status?.parked ?? []).length > 0;
  // Beside a step that is parked since its host is gone, it only waits for the same host.
  const waiting = steps.filter(({ activity }) => activity !== 'answer' || !isParked);
  const asked = await Promise.all(waiting.map((step) => waitOfStep(client, host, step)));
  const ofSteps = asked.flat();
  if (status === undefined) return [{ kind: 'worker', queue: WORKFLOW_QUEUE }, ...ofSteps];
  const { parked, paused, news } = status;
  const [step] = steps;
  return [
    ...parked.map((each) => ({ kind: 'decision', since: each.since, parked: each }) as const),
    ...ofSteps,
    ...(news?.stalledSince === undefined
      ? []
      : [{ kind: 'stalled', since: news.stalledSince, ...(step && { step }) } as const]),
    ...(paused === undefined ? [] : [{ kind: 'paused', since: paused.since } as const]),
  ];
}

/** Whether somebody has to look at it: a pause and a slot are waited for because people want so. */
export function isStuck(waits: readonly Wait[]): boolean {
  return waits.some(({ kind }) => kind !== 'paused' && kind !== 'slot');
}
