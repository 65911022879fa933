import type { Client } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';

const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } =
  proto.temporal.api.enums.v1.TaskQueueType;
const KINDS = { workflow: TASK_QUEUE_TYPE_WORKFLOW, activity: TASK_QUEUE_TYPE_ACTIVITY };

/** The worker that was the last to ask this queue for work; undefined: none in the last minutes. */
export async function servedBy(
  client: Client,
  queue: string,
  kind: keyof typeof KINDS,
): Promise<string | undefined> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: queue },
    taskQueueType: KINDS[kind],
  });
  const askedAt = ({ lastAccessTime }: (typeof pollers)[number]): number =>
    lastAccessTime ? tsToMs(lastAccessTime) : 0;
  return pollers.sort((a, b) => askedAt(b) - askedAt(a))[0]?.identity ?? undefined;
}

/** Whether a worker has asked this queue for work in the last minutes. */
export async function isServed(
  client: Client,
  queue: string,
  kind: keyof typeof KINDS,
): Promise<boolean> {
  return (await servedBy(client, queue, kind)) !== undefined;
}
