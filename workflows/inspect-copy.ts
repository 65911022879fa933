import { type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { BackendActivities } from '../activities/backend.ts';
import type { HostActivities } from '../activities/host.ts';
import type { Answer, ExportView, InspectInput, Inspection } from '../contract/inspection.ts';
import { backendQueue, hostQueue } from '../contract/queues.ts';
import { formatVolume } from '../contract/volume.ts';
import { faultOf } from './faults.ts';

/** Somebody waits at a terminal: one attempt, and that nobody answers is an answer. */
function looking(taskQueue: string, summary: string): ActivityOptions {
  return {
    taskQueue,
    summary,
    scheduleToStartTimeout: '5 seconds',
    startToCloseTimeout: '15 seconds',
    retry: { maximumAttempts: 1 },
  };
}

async function answerOf<T>(what: string, queue: string, asked: Promise<T>): Promise<Answer<T>> {
  try {
    return { answer: await asked };
  } catch (error) {
    return { unanswered: faultOf(error, what, queue).message };
  }
}

/** Looks at host, devices and targets of a copy, where each of them is. Changes nothing. */
export async function inspectCopy(input: InspectInput): Promise<Inspection> {
  const { host, attachments } = input;
  const onHost = hostQueue(host);
  const { inspectHost } = proxyActivities<HostActivities>(looking(onHost, host));
  const exports = attachments.map(async (attachment): Promise<[string, Answer<ExportView>]> => {
    const { id, volume } = attachment;
    const queue = backendQueue(volume.backend);
    const options = looking(queue, formatVolume(volume));
    const { inspectExport } = proxyActivities<BackendActivities>(options);
    return [id, await answerOf('inspectExport', queue, inspectExport({ attachment }))];
  });
  const [hostAnswer, ...exportAnswers] = await Promise.all([
    answerOf('inspectHost', onHost, inspectHost(input)),
    ...exports,
  ]);
  return { host: hostAnswer, exports: Object.fromEntries(exportAnswers) };
}
