import { failed, type Finding, well } from '../../contract/examination.ts';
import { DrayError } from '../../contract/errors.ts';
import { formatVolume } from '../../contract/volume.ts';
import type { Backend, BackendFacts } from '../../storage/backend.ts';

function describeFacts({ hostBound, canRevoke }: BackendFacts): string {
  const where = hostBound ? 'bound to one host' : 'not bound to a host';
  return `${where}; a host's access can${canRevoke ? '' : 'not'} be taken away`;
}

async function examineVolumes(backend: Backend): Promise<Finding[]> {
  const volumes = await backend.listVolumes();
  const damaged = volumes.filter(({ state }) => state === 'damaged');
  const reserved = volumes.filter(({ reservedBy }) => reservedBy !== undefined);
  const counts = `${volumes.length} volumes, ${reserved.length} of them reserved`;
  const because = 'what is written down of this volume cannot be read';
  return [
    well('backend.volumes', counts),
    ...damaged.map((volume) =>
      failed(
        'backend.volumes',
        new DrayError('StateDamaged', { path: formatVolume(volume), because }),
      ),
    ),
  ];
}

/** Whether the storage answers, and what it is. Changes nothing. */
export async function examineBackend(backend: Backend): Promise<Finding[]> {
  try {
    await backend.check();
    const facts = well('backend.storage', `storage answers; ${describeFacts(backend.facts)}`);
    return [facts, ...(await examineVolumes(backend))];
  } catch (error) {
    if (!(error instanceof DrayError)) throw error;
    return [failed('backend.storage', error)];
  }
}
