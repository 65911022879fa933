import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { FleetActivities } from '../../activities/fleet.ts';

/** Temporal itself is asked, which may be away for a moment. */
const AGAIN = { initialInterval: '1 second', maximumInterval: '10 seconds' } as const;

/**
 * Right before copies are started, in the same workflow task: what is open must not be started
 * anew. After a reset of the fleet Temporal would even end it for that
 * (service/history/transfer_queue_active_task_executor.go: shouldTerminateAndStartChild).
 */
export const { lookAtCopies, windowAt } = proxyLocalActivities<FleetActivities>({
  startToCloseTimeout: '30 seconds',
  cancellationType: 'TRY_CANCEL',
  retry: AGAIN,
});

/** Says nothing until there is news, or for some minutes. */
export const { watchCopies } = proxyActivities<FleetActivities>({
  summary: 'until a copy parks, or ends unseen',
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '30 seconds',
  cancellationType: 'TRY_CANCEL',
  retry: AGAIN,
});
