import { type Client, defaultPayloadConverter } from '@temporalio/client';

/** One run of a workflow. */
export type RunRef = { workflowId: string; runId: string };

/** What copyData of a run last told, whether or not it runs now; undefined where there is nothing. */
export async function lastHeartbeat(
  client: Client,
  { workflowId, runId }: RunRef,
): Promise<unknown> {
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
  const step = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'copyData');
  const payload = step?.heartbeatDetails?.payloads?.[0];
  return payload == null ? undefined : defaultPayloadConverter.fromPayload(payload);
}
