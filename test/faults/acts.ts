import type { temporal } from '@temporalio/proto';
import { randomUUID } from 'node:crypto';
import { CopyRun } from '../rig/copy-run.ts';
import type { Drayage } from '../rig/drayage.ts';
import { leftovers } from '../rig/leftovers.ts';
import { markedProcesses } from '../rig/marked.ts';
import { until } from '../rig/poll.ts';
import type { Ending, WorkflowRun } from '../rig/workflow-run.ts';

/** SIGKILL for the daemons of the rig, for those of one volume or for all. @throws Error if none */
export async function killDaemons(rig: Drayage, access?: 'ro' | 'rw'): Promise<void> {
  const writable = { ro: '"writable":false', rw: '"writable":true' };
  const daemons = (await markedProcesses(rig.directory))
    .filter(({ command }) => command.startsWith('qemu-storage-daemon '))
    .filter(({ command }) => access === undefined || command.includes(writable[access]));
  if (daemons.length === 0) throw new Error('no daemon to kill');
  for (const { pid } of daemons) process.kill(pid, 'SIGKILL');
}

/** What it held is released by a workflow of its own, without anybody's doing. */
export async function released(run: WorkflowRun): Promise<Ending> {
  const { outcome, message } = await run.ending();
  await until('everything released', async () => (await leftovers(run.rig)).length === 0, {
    seconds: 60,
    everyMs: 500,
  });
  return { outcome: `${outcome}, released within a minute`, message };
}

/** Event id of the workflow task that scheduled the first activity of this type. */
async function pointOf(copy: CopyRun, activity: string): Promise<Long> {
  const { events } = await copy.handle.fetchHistory();
  const found = events!.find(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === activity,
  );
  return found!.activityTaskScheduledEventAttributes!.workflowTaskCompletedEventId!;
}
type Long = NonNullable<
  temporal.api.history.v1.IActivityTaskScheduledEventAttributes['workflowTaskCompletedEventId']
>;

/** As `temporal workflow reset` does it; answers the copy as its new run. */
export async function reset(copy: CopyRun, activity: string): Promise<CopyRun> {
  const { rig, handle } = copy;
  const { runId } = await handle.describe();
  await rig.client.workflowService.resetWorkflowExecution({
    namespace: rig.namespace,
    workflowExecution: { workflowId: handle.workflowId, runId },
    reason: 'the test says so',
    workflowTaskFinishEventId: await pointOf(copy, activity),
    requestId: randomUUID(),
  });
  return new CopyRun(rig, copy.input, rig.handle(handle.workflowId));
}
