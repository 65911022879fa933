import type { temporal } from '@temporalio/proto';
import { randomUUID } from 'node:crypto';
import { CopyRun } from '../rig/copy-run.ts';
import { fault } from './row.ts';

const part = 'D Workflow reset';
const setup = 'one worker, own tgtd';

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
async function reset(copy: CopyRun, activity: string): Promise<CopyRun> {
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

const rows = [
  { when: 'source.connectVolume', to: 'createExport', where: 'attach' },
  { when: 'planCopy', to: 'connectVolume', where: 'attach' },
  { when: 'verifyCopy', to: 'copyData', where: 'the copy' },
  { when: 'source.removeExport', to: 'disconnectVolume', where: 'the undo' },
  { when: 'source.terminateConnection', to: 'connectVolume', where: 'attach' },
];

for (const { when, to, where } of rows) {
  for (const moment of ['before', 'after'] as const) {
    fault(
      {
        part,
        done: `reset to a point in ${where} (${to})`,
        step: `${when}, ${moment} it acts`,
        setup,
        expected: 'completed',
      },
      async (rig) => {
        await rig.gates.close(when, moment);
        const copy = await rig.startCopy();
        await rig.gates.reached(when, moment);
        const again = await reset(copy, to);
        await rig.gates.open(when, moment);
        return again.ending();
      },
    );
  }
}

fault(
  {
    part,
    done: 'reset to a point in attach (connectVolume)',
    step: 'copyData, past 40 %',
    setup,
    expected: 'completed',
  },
  async (rig) => {
    const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
    await copy.flushedAtLeast(0.4);
    return (await reset(copy, 'connectVolume')).ending();
  },
);

for (const [when, to] of [
  ['copyData, past 40 %', 'createExport'],
  ['copyData, past 40 %', 'connectVolume'],
] as const) {
  fault(
    {
      part,
      done: `reset to a point in attach (${to}), cancelled there`,
      step: when,
      setup,
      expected: 'cancelled',
    },
    async (rig) => {
      const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
      await copy.flushedAtLeast(0.4);
      const step = `destination.${to}`;
      await rig.gates.close(step, 'before');
      const again = await reset(copy, to);
      await rig.gates.reached(step, 'before');
      await again.handle.cancel();
      await rig.gates.open(step, 'before');
      return again.ending();
    },
  );
}
