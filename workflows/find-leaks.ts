import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { LeaksActivities } from '../activities/leaks.ts';
import type { Attachment } from '../contract/attachment.ts';
import type { Sighting, FindLeaksInput, Leaks, OwnerRef } from '../contract/leaks.ts';
import { hostQueue, WORKFLOW_QUEUE } from '../contract/queues.ts';
import { type Belonging, findBelongings } from './leaks/belongings.ts';
import { type Answers, judge, type Judged } from './leaks/judge.ts';
import { BRIEF, lookAround, lookAtAll } from './leaks/look-around.ts';
import { count } from './metrics.ts';

const temporal = proxyActivities<LeaksActivities>({ ...BRIEF, taskQueue: WORKFLOW_QUEUE });

const keyOf = ({ workflowId, firstRunId }: OwnerRef): string => `${workflowId} ${firstRunId}`;

/** Asked after the look: what a workflow acquired since then is not in it. */
async function ask(belongings: readonly Belonging[]): Promise<Answers> {
  const { namespace } = workflowInfo();
  const owners = new Map(
    belongings.flatMap(({ owner, record }) =>
      // Workflows of another namespace cannot be asked from here.
      owner === undefined || (record !== undefined && record.owner.namespace !== namespace)
        ? []
        : [[keyOf(owner), { workflowId: owner.workflowId, firstRunId: owner.firstRunId }] as const],
    ),
  );
  const ids = new Set(belongings.flatMap(({ attachmentId }) => attachmentId ?? []));
  const [facts, releases] = await Promise.all([
    temporal.askOwners([...owners.values()]),
    temporal.askReleases([...ids]),
  ]);
  const factsOf = new Map([...owners.keys()].map((key, i) => [key, facts[i]]));
  const releaseOf = new Map([...ids].map((id, i) => [id, releases[i]]));
  return {
    namespace,
    ownerIs: (owner) => factsOf.get(keyOf(owner)) ?? { state: 'gone' },
    releaseIs: (attachmentId) => releaseOf.get(attachmentId) ?? 'none',
  };
}

/**
 * Looks again where something has no owner: what an owner took back between the look and its end is
 * no orphan, and what is just being made is soon told whose it is.
 */
async function stillThere(judged: readonly Judged[]): Promise<(each: Judged) => boolean> {
  const isDoubtful = ({ acquisition: { state } }: Judged): boolean =>
    state === 'orphan' || state === 'unknown';
  const places = new Set(judged.filter(isDoubtful).map(({ acquisition }) => acquisition.place));
  const { surveys, unseen } = await lookAtAll([...places]);
  const gone = new Set(unseen.map(({ place }) => place));
  const nameOf = (place: string, sighting: Sighting): string => place + JSON.stringify(sighting);
  const seen = new Set(
    surveys.flatMap(({ place, sightings }) => sightings.map((sighting) => nameOf(place, sighting))),
  );
  return (each) => {
    const { place, sighting } = each.belonging;
    return !isDoubtful(each) || gone.has(place) || seen.has(nameOf(place, sighting));
  };
}

/** Of that host: found there, or part of an attachment that is, or was, connected there. */
function isOf(host: string, judged: readonly Judged[]): (each: Judged) => boolean {
  const place = hostQueue(host);
  const ids = new Set(
    judged.flatMap(({ belonging, orphan }) => {
      const isThere = belonging.place === place || belonging.record?.owner.hostId === host;
      return isThere || orphan?.owner.hostId === host ? (belonging.attachmentId ?? []) : [];
    }),
  );
  return ({ belonging: { place: at, attachmentId } }) =>
    at === place || (attachmentId !== undefined && ids.has(attachmentId));
}

function countStates(judged: readonly Judged[]): Leaks['counts'] {
  const counts = { live: 0, orphan: 0, foreign: 0, unknown: 0 };
  for (const { acquisition } of judged) counts[acquisition.state] += 1;
  return counts;
}

/**
 * Joins what hosts and backends have, what they have written down, and what runs. Changes nothing
 * unless told to release orphans, which `release/<attachment id>` does and nothing else.
 */
export async function findLeaks(input: FindLeaksInput): Promise<Leaks> {
  const { host, release, scheduled = false } = input;
  const { surveys, unseen } = await lookAround(input);
  const belongings = findBelongings(surveys);
  const answers = await ask(belongings);
  const all = belongings.map((belonging) => judge(belonging, answers));
  const asked = host === undefined ? all : all.filter(isOf(host, all));
  const judged = asked.filter(await stillThere(asked));
  const orphans = new Map<string, Attachment>();
  for (const { orphan } of judged) if (orphan !== undefined) orphans.set(orphan.id, orphan);
  const releases =
    release === 'no' || orphans.size === 0
      ? []
      : await temporal.startReleases({ orphans: [...orphans.values()], release });
  const counts = countStates(judged);
  for (const state of ['orphan', 'unknown', 'foreign'] as const) {
    count('drayage_leaks_found_total', counts[state], { state });
  }
  return {
    places: surveys.map(({ place }) => place),
    unseen,
    acquisitions: judged
      .map(({ acquisition }) => acquisition)
      .filter(({ state }) => !scheduled || state !== 'live'),
    counts,
    releases,
  };
}
