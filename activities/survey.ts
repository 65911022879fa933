import { join } from 'node:path';
import { surveyConnections, surveyKernelSessions } from '../connectors/iscsi/survey.ts';
import type { Sighting, Survey } from '../contract/leaks.ts';
import { backendQueue, hostQueue } from '../contract/queues.ts';
import { surveyCopiers } from '../copy/survey.ts';
import type { Backend } from '../storage/backend.ts';
import { findBuiltOn } from '../system/built-on.ts';
import { listClaims } from '../system/claims.ts';
import { type HostState, shortName } from '../system/host-state.ts';

/** A damaged claim still has the attachment id in its name. */
async function surveyClaims(directory: string): Promise<Sighting[]> {
  const describe = (attachmentId: string): Sighting => {
    const identity = join(directory, `${attachmentId}.json`);
    return { kind: 'claim', identity, look: `cat ${identity}`, attachmentId };
  };
  const damaged: Sighting[] = [];
  const claims = await listClaims(directory, (file) => {
    damaged.push(describe(file.slice(0, -'.json'.length)));
  });
  return [
    ...claims.map(({ attachment }) => ({
      ...describe(attachment.id),
      record: attachment,
      volume: attachment.volume,
    })),
    ...damaged,
  ];
}

/** A directory on a host tells no more than the short name, so whoever knows the id adds it. */
function named(place: string, sightings: Sighting[]): Survey {
  return {
    place,
    sightings: sightings.map((sighting) => {
      const { attachmentId } = sighting;
      return attachmentId === undefined
        ? sighting
        : { ...sighting, shortName: shortName(attachmentId) };
    }),
  };
}

/** Everything of attachments that this host has. Changes nothing. */
export async function surveyHost(state: HostState): Promise<Survey> {
  const { hostId, dirs } = state;
  const found = await Promise.all([
    surveyClaims(dirs.claims),
    surveyConnections(dirs.attachments),
    surveyCopiers(state),
    surveyKernelSessions(),
    findBuiltOn(dirs.attachments),
  ]);
  return named(hostQueue(hostId), found.flat());
}

/** Everything of attachments that a backend has. Changes nothing. */
export async function surveyBackend(backend: Backend): Promise<Survey> {
  return named(backendQueue(backend.facts.name), await backend.survey());
}
