import type { Client } from '@temporalio/client';
import type { FleetOrder, FleetState, FleetStatus, PlannedVolume } from '../../contract/fleet.ts';
import { VOLUME_STATES } from '../../contract/fleet.ts';
import { unpackVolumes } from '../../contract/fleet-volumes.ts';
import { DrayError } from '../../contract/errors.ts';
import { copyWorkflowId } from '../../contract/ids.ts';
import { searchAttributes } from '../../contract/search-attributes.ts';
import { parseVolume, type VolumeRef } from '../../contract/volume.ts';
import { inputOf, showFleet } from './fleet.ts';
import { viewOf } from './workflow-view.ts';

/** One volume of a fleet; times are ISO 8601, absent where its copy was not begun by the fleet. */
export type ReportedVolume = PlannedVolume & {
  state: string;
  startedAt?: string;
  endedAt?: string;
  code?: string;
  message?: string;
};

export type FleetReport = {
  name: string;
  endedAt?: string;
  order: FleetOrder;
  counts: FleetStatus['counts'];
  changes: FleetState['changes'];
  volumes: ReportedVolume[];
};

type Times = Pick<ReportedVolume, 'startedAt' | 'endedAt'>;

const STATES = new Map<string, string>(
  Object.entries(VOLUME_STATES).map(([state, letter]) => [letter, state]),
);

/** By workflow id, of the last run of each copy that the fleet began. */
async function timesOf(client: Client, name: string): Promise<Map<string, Times>> {
  const times = new Map<string, Times>();
  const query = `${searchAttributes.fleet.name} = "${name}"`;
  for await (const info of client.workflow.list({ query })) {
    const { workflowId, startedAt, endedAt } = viewOf(info);
    if (times.has(workflowId)) continue;
    times.set(workflowId, { startedAt, ...(endedAt === undefined ? {} : { endedAt }) });
  }
  return times;
}

/** @throws FleetNotFound, FleetRefused where nobody can tell what became of its volumes */
export async function reportFleet(client: Client, name: string): Promise<FleetReport> {
  const { view, status } = await showFleet(client, name);
  if (status === undefined) {
    const because =
      view.state === 'running'
        ? 'no worker answers for it: start `dray worker`'
        : `it was ${view.state}: start its plan again, and it looks what is done`;
    throw new DrayError('FleetRefused', { change: 'report', name, because });
  }
  const [{ order, volumes }, times] = await Promise.all([
    inputOf(client, view),
    timesOf(client, name),
  ]);
  const { counts, state } = status;
  const failures = new Map(state.failures.map(({ volume, ...failure }) => [volume, failure]));
  const reported = unpackVolumes(volumes).map((volume, place): ReportedVolume => {
    const workflowId = copyWorkflowId(parseVolume(volume.source) as VolumeRef);
    const what = STATES.get(state.letters[place] ?? '') ?? 'waiting';
    return { ...volume, state: what, ...times.get(workflowId), ...failures.get(place) };
  });
  return {
    name,
    ...(view.endedAt === undefined ? {} : { endedAt: view.endedAt }),
    ...{ order, counts, changes: state.changes, volumes: reported },
  };
}
