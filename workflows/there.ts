import {
  ActivityFailure,
  CancellationScope,
  isCancellation,
  proxyActivities,
  sleep,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { HostActivities } from '../activities/host.ts';
import { describeError } from '../contract/errors.ts';
import { hostQueue } from '../contract/queues.ts';
import { type Fault, HostSilent } from './faults.ts';
import { ANYWHERE, type Place } from './places.ts';
import type { Run } from './run.ts';

/** Each question stays in the history of a copy that may run for weeks. Unit: seconds. */
const LONGEST_INTERVAL = 1800;

/**
 * An answer takes no time. Where a worker is frozen or cut off the server hands it as many questions
 * as it had asked for, and none of them is answered: then another one is asked.
 */
const QUESTION = {
  startToCloseTimeout: '2 seconds',
  cancellationType: 'TRY_CANCEL',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 1 },
} as const;

/** Asks a host for an answer, for so long; default: until there is one. */
async function ask(host: string, seconds?: number): Promise<void> {
  const { answer } = proxyActivities<HostActivities>({
    taskQueue: hostQueue(host),
    summary: `is ${host} there?`,
    ...(seconds === undefined ? {} : { scheduleToCloseTimeout: seconds * 1000 }),
    ...QUESTION,
  });
  await answer();
}

/** Whether a worker of the host answers within the time after which it counts as gone. */
async function isThere({ limits }: Run, host: string): Promise<boolean> {
  try {
    await ask(host, limits.scheduleToStartSeconds);
    return true;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return !(error instanceof ActivityFailure && error.cause instanceof TimeoutFailure);
  }
}

/** A step of which its host gave no answer: HostGone if the host is not there either. */
export async function hostFault<A>(run: Run, { host }: Place<A>, fault: Fault): Promise<Fault> {
  if (host === undefined || fault.code !== 'StepTimedOut') return fault;
  return (await isThere(run, host)) ? fault : describeError('HostGone', { queue: hostQueue(host) });
}

/** How far a step came that cannot tell any more. */
async function lastHeartbeat({ limits }: Run): Promise<unknown> {
  const { workflowId, runId } = workflowInfo();
  const temporal = ANYWHERE.bind(limits, 'how far did it come?');
  // Without it the copy begins anew.
  return temporal.lastHeartbeat({ workflowId, runId }).catch(() => undefined);
}

/**
 * Does a step that may wait for its host without limit, and asks in growing intervals whether the
 * host is there. @throws HostSilent
 */
export async function whileThere<T>(run: Run, host: string, act: () => Promise<T>): Promise<T> {
  const [waiting, asking] = [new CancellationScope(), new CancellationScope()];
  let silent: HostSilent | undefined;
  const watch = asking
    .run(async () => {
      for (let wait = run.limits.scheduleToStartSeconds; ; wait *= 2) {
        await sleep(Math.min(wait, LONGEST_INTERVAL) * 1000);
        if (await isThere(run, host)) continue;
        silent = new HostSilent(hostQueue(host), await lastHeartbeat(run));
        waiting.cancel();
        return;
      }
    })
    .catch(() => undefined);
  try {
    return await waiting.run(act);
  } catch (error) {
    throw silent ?? error;
  } finally {
    asking.cancel();
    await watch;
  }
}

/** Waits for something else while the host is gone; undefined when that is back first. */
export async function whileGone<T>(host: string, wait: () => Promise<T>): Promise<T | undefined> {
  const [waiting, asking] = [new CancellationScope(), new CancellationScope()];
  let isBack = false as boolean;
  const watch = asking
    .run(() => ask(host))
    .then(() => {
      isBack = true;
      waiting.cancel();
    })
    .catch(() => undefined);
  try {
    return await waiting.run(wait);
  } catch (error) {
    if (isBack) return undefined;
    throw error;
  } finally {
    asking.cancel();
    await watch;
  }
}
