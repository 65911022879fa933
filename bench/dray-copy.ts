import type { Client } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { execa } from 'execa';
import { copyWorkflowId } from '../contract/ids.ts';
import { DESTINATION, SOURCE, type Stage } from './stage.ts';
import type { Storage } from './options.ts';

/** Seconds of a whole `dray copy` as its user waits, and of its data steps. */
export type CopyTimes = { wall: number; copyData: number; verifyCopy: number };

/** Seconds from start to completion of each activity, by its type. */
async function stepSeconds(client: Client, workflowId: string): Promise<Map<string, number>> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const names = new Map<string, string>();
  const started = new Map<string, number>();
  const seconds = new Map<string, number>();
  for (const event of events ?? []) {
    const { activityTaskScheduledEventAttributes: scheduled, eventTime } = event;
    if (scheduled) names.set(String(event.eventId), scheduled.activityType?.name ?? '');
    const starting = event.activityTaskStartedEventAttributes?.scheduledEventId;
    if (starting) started.set(String(starting), tsToMs(eventTime));
    const completed = event.activityTaskCompletedEventAttributes?.scheduledEventId;
    if (!completed) continue;
    const took = (tsToMs(eventTime) - (started.get(String(completed)) ?? NaN)) / 1000;
    seconds.set(names.get(String(completed)) ?? '', took);
  }
  return seconds;
}

/** Runs `dray copy` with the options, as a person would. */
export async function timeDrayCopy(
  { client, programs, configFile }: Stage,
  storage: Storage,
  options: readonly string[],
): Promise<CopyTimes> {
  const volumes = [`${storage}:${SOURCE}`, `${storage}:${DESTINATION}`];
  const startedAt = performance.now();
  const dray = [programs.dray, '--config', configFile, '--json', 'copy', ...volumes, ...options];
  await execa(process.execPath, dray, { stdin: 'ignore' });
  const wall = (performance.now() - startedAt) / 1000;
  const steps = await stepSeconds(client, copyWorkflowId({ backend: storage, id: SOURCE }));
  const [copyData = NaN, verifyCopy = NaN] = [steps.get('copyData'), steps.get('verifyCopy')];
  return { wall, copyData, verifyCopy };
}
