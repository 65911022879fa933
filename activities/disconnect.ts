import type { Attachment } from '../contract/attachment.ts';
import type { Undone } from '../contract/volume.ts';
import { readClaim, removeClaim } from '../system/claims.ts';
import type { HostContext } from './context.ts';

/**
 * Takes a device from this host, and then the claim of it; finds what is connected by the claim, or
 * by the attachment alone. Flushes first, unless `force` goes on past it.
 */
export async function disconnect(
  { state, connectors, log }: HostContext,
  attachment: Attachment,
  force: boolean,
): Promise<Undone> {
  const { claims } = state.dirs;
  // A damaged one must not keep the device: what is connected is also found without it.
  const claim = await readClaim(claims, attachment.id).catch((error: unknown) => {
    log.error('a claim cannot be read', { attachment: attachment.id, error });
    return undefined;
  });
  const candidates =
    claim === undefined ? Object.values(connectors) : [connectors[claim.info.driverVolumeType]];
  const answers: Undone[] = [];
  for (const connector of candidates) {
    // What the undo needs is found without secrets: a lost key must not keep a device.
    answers.push(await connector.disconnectVolume(attachment, undefined, claim?.device, force));
  }
  await removeClaim(claims, attachment.id);
  return answers.includes('done') ? 'done' : 'alreadyGone';
}
