import { proxyActivities } from '@temporalio/workflow';
import type { HookActivities } from '../activities/hooks.ts';
import type { NotifyInput } from '../contract/hooks.ts';
import { WORKFLOW_QUEUE } from '../contract/queues.ts';
import { type Fault, failureOf, faultOf } from './faults.ts';
import { count } from './metrics.ts';

/** Undefined once it has the message, else what the last attempt failed with. */
async function call(hook: string, { id, message }: NotifyInput): Promise<Fault | undefined> {
  const { callHook } = proxyActivities<HookActivities>({
    summary: `${message.type} to ${hook}`,
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: '1 day',
    // Nothing has to be taken back of a call that is cut short.
    cancellationType: 'TRY_CANCEL',
    retry: { initialInterval: '2 seconds', backoffCoefficient: 3, maximumInterval: '1 hour' },
  });
  try {
    await callHook({ hook, id, message });
    return undefined;
  } catch (error) {
    count('drayage_webhooks_given_up_total', 1, { event: message.type });
    return faultOf(error, 'callHook', WORKFLOW_QUEUE);
  }
}

/**
 * Calls webhooks for one event, each until it has taken the message, for at most a day. Fails where
 * one has not; nothing waits for this workflow.
 */
export async function notifyHooks(input: NotifyInput): Promise<void> {
  const faults = await Promise.all(input.hooks.map((hook) => call(hook, input)));
  const fault = faults.find((each) => each !== undefined);
  if (fault !== undefined) throw failureOf(fault);
}
