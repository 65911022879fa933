import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { leakScheduleId } from '../contract/ids.ts';
import type { FindLeaksInput } from '../contract/leaks.ts';
import { hostQueue, WORKFLOW_QUEUE } from '../contract/queues.ts';
import { WORKFLOWS } from '../contract/workflows.ts';
import type { Config } from '../system/config/schema.ts';
import type { Log } from '../system/log.ts';

/** Missed runs of a server that was away are not made up for. */
const CATCH_UP = '1 minute';

function scheduleOf(places: string[], { host, leaks }: Pick<Config, 'host' | 'leaks'>) {
  const everyMs = leaks.everySeconds * 1000;
  const input: FindLeaksInput = { places, release: 'undecided', scheduled: true };
  const id = leakScheduleId(host, places.includes(hostQueue(host)));
  return {
    scheduleId: id,
    // The hosts of a fleet do not all look in the same instant.
    spec: { intervals: [{ every: everyMs }], jitter: everyMs / 10 },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCH_UP },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOWS.findLeaks,
      workflowId: id,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      staticSummary: `look for leaks on ${places.join(', ')} and release orphans`,
    },
  } satisfies ScheduleOptions;
}

/** As wanted now, and run at once, unless a person has paused it. */
async function renew(client: Client, wanted: ReturnType<typeof scheduleOf>): Promise<void> {
  const handle = client.schedule.getHandle(wanted.scheduleId);
  const { spec, policies, action } = wanted;
  await handle.update(({ state }) => ({ state, spec, policies, action }));
  if (!(await handle.describe()).state.paused) await handle.trigger();
}

/**
 * Has Temporal look for leaks at these places now and again and again. A worker copies without it
 * as well, so that a failure is only told.
 */
export async function scheduleLeaks(
  client: Client,
  places: string[],
  config: Pick<Config, 'host' | 'leaks'>,
  log: Pick<Log, 'warn'>,
): Promise<void> {
  if (places.length === 0) return;
  const wanted = scheduleOf(places, config);
  try {
    await client.schedule.create({ ...wanted, state: { triggerImmediately: true } });
  } catch (error) {
    try {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await renew(client, wanted);
    } catch (failure) {
      log.warn('leaks are not looked for on schedule', { error: failure });
    }
  }
}
