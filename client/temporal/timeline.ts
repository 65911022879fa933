import { type Client, defaultPayloadConverter } from '@temporalio/client';
import { tsToDate } from '@temporalio/common/lib/time.js';
import type proto from '@temporalio/proto';
import type { RunRef } from './workflow-view.ts';

export type TimelineOutcome = 'done' | 'failed' | 'timedOut' | 'cancelled' | 'open';

/** One activity of a workflow, from its history. */
export type TimelineStep = {
  /** For example `connectVolume`. */
  verb: string;
  /** What it was done to, for example `source disks:vm1`. */
  about: string;
  /** When it was handed to its queue, and when it ended; one that is open has no end. */
  from: Date;
  until?: Date;
  /** 0 for one that no worker has taken, or that is open: the history does not count those. */
  attempts: number;
  outcome: TimelineOutcome;
};

type Event = proto.temporal.api.history.v1.IHistoryEvent;

/** How an event ends an activity, and the number of the event that scheduled it. */
function endIn(event: Event): { outcome: TimelineOutcome; scheduled: number } | undefined {
  const ends = [
    ['done', event.activityTaskCompletedEventAttributes],
    ['failed', event.activityTaskFailedEventAttributes],
    ['timedOut', event.activityTaskTimedOutEventAttributes],
    ['cancelled', event.activityTaskCanceledEventAttributes],
  ] as const;
  for (const [outcome, attributes] of ends) {
    if (attributes) return { outcome, scheduled: Number(attributes.scheduledEventId) };
  }
  return undefined;
}

function scheduledIn(event: Event): TimelineStep | undefined {
  const scheduled = event.activityTaskScheduledEventAttributes;
  if (!scheduled) return undefined;
  const summary = event.userMetadata?.summary;
  return {
    verb: scheduled.activityType?.name ?? '',
    about: summary ? defaultPayloadConverter.fromPayload<string>(summary) : '',
    from: tsToDate(event.eventTime ?? {}),
    attempts: 0,
    outcome: 'open',
  };
}

/** The activities of one run in the order in which they were scheduled. */
export function timelineOf(events: readonly Event[]): TimelineStep[] {
  const steps = new Map<number, TimelineStep>();
  for (const event of events) {
    const step = scheduledIn(event);
    if (step !== undefined) steps.set(Number(event.eventId), step);
    const started = event.activityTaskStartedEventAttributes;
    const begun = started && steps.get(Number(started.scheduledEventId));
    if (begun) begun.attempts = started.attempt ?? 1;
    const end = endIn(event);
    const ended = end && steps.get(end.scheduled);
    if (ended)
      Object.assign(ended, { outcome: end.outcome, until: tsToDate(event.eventTime ?? {}) });
  }
  return [...steps.values()];
}

export async function readTimeline(
  client: Client,
  { workflowId, runId }: RunRef,
): Promise<TimelineStep[]> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  return timelineOf(events ?? []);
}
