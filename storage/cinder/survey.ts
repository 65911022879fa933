import type { Sighting } from '../../contract/leaks.ts';
import type { ReservationStore } from '../reservations.ts';
import type { Attachments } from './attachments.ts';

/** Without its properties, among which is the secret of the target. */
const LOOK =
  "openstack --os-volume-api-version 3.27 volume attachment show -c Status -c 'Volume ID'";
const NOT_TOLD = 'no reservation names it, and Cinder does not tell whose it is';

/** Cinder's attachments of the project, but for those of servers, which Nova looks after. */
export async function surveyAttachments(
  attachments: Attachments,
  store: ReservationStore,
  backend: string,
): Promise<Sighting[]> {
  const rows = (await attachments.all()).filter(({ instance }) => !instance);
  // Read after the rows: what was just made is written down a moment later.
  const owners = new Map<string | undefined, string>();
  // One that cannot be read is told among the reservations.
  for (const held of await store.list(() => undefined)) {
    owners.set(held.foreignId, held.attachment.id);
  }
  return rows.map(({ id, volume_id }) => {
    const attachmentId = owners.get(id);
    return {
      kind: 'export',
      identity: id,
      look: `${LOOK} ${id}`,
      volume: { backend, id: volume_id },
      ...(attachmentId === undefined
        ? { verdict: { state: 'unknown', because: NOT_TOLD } }
        : { attachmentId }),
    };
  });
}
