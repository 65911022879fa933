import { proxyActivities } from '@temporalio/workflow';
import type { BackendActivities } from '../../activities/backend.ts';
import type { HostActivities } from '../../activities/host.ts';
import type { FindLeaksInput, Survey, Unseen } from '../../contract/leaks.ts';
import { backendQueue, hostQueue } from '../../contract/queues.ts';
import { faultOf } from '../faults.ts';

/** Somebody waits at a terminal: a place that nobody serves is an answer. */
export const BRIEF = {
  startToCloseTimeout: '2 minutes',
  scheduleToStartTimeout: '10 seconds',
  heartbeatTimeout: '15 seconds',
  // They change nothing; releases, which are started one by one, may be started twice.
  cancellationType: 'TRY_CANCEL',
  retry: { initialInterval: '1 second', maximumAttempts: 3 },
} as const;

export type View = { surveys: Survey[]; unseen: Unseen[] };

async function lookAt(place: string): Promise<Survey | Unseen> {
  const options = { ...BRIEF, taskQueue: place, summary: `look at ${place}` };
  try {
    return place.startsWith(hostQueue(''))
      ? await proxyActivities<HostActivities>(options).surveyHost()
      : await proxyActivities<BackendActivities>(options).surveyBackend();
  } catch (error) {
    const fault = faultOf(error, 'survey', place);
    if (fault.code === 'Cancelled') throw error;
    return { place, because: fault.message };
  }
}

export async function lookAtAll(places: readonly string[]): Promise<View> {
  const all = await Promise.all(places.map(lookAt));
  return {
    surveys: all.filter((found) => 'sightings' in found),
    unseen: all.filter((found) => 'because' in found),
  };
}

/** Other places that what was found is part of. */
function named({ surveys }: View, { host, scheduled }: FindLeaksInput): string[] {
  const sightings = surveys.flatMap((survey) => survey.sightings);
  const records = sightings.flatMap(({ record }) => record ?? []);
  return records.flatMap(({ owner, volume }) => {
    const { hostId, destination } = owner;
    if (host !== undefined && hostId !== host) return [];
    return [
      ...(scheduled === true ? [] : [hostQueue(hostId)]),
      ...[volume, destination].map(({ backend }) => backendQueue(backend)),
    ];
  });
}

/** Looks at these places and at every other one that what is found there names. */
export async function lookAround(input: FindLeaksInput): Promise<View> {
  const view: View = { surveys: [], unseen: [] };
  const seen = new Set<string>();
  for (let next = [...new Set(input.places)]; next.length > 0;) {
    next.forEach((place) => seen.add(place));
    const found = await lookAtAll(next);
    view.surveys.push(...found.surveys);
    view.unseen.push(...found.unseen);
    next = [...new Set(named(found, input))].filter((place) => !seen.has(place));
  }
  return view;
}
