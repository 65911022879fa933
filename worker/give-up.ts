import type { Client } from '@temporalio/client';
import type { HostContext } from '../activities/context.ts';
import { disconnect } from '../activities/disconnect.ts';
import { lostAttachments } from '../activities/owners.ts';
import type { Attachment } from '../contract/attachment.ts';
import { copyIdOf } from '../contract/ids.ts';
import { formatVolume } from '../contract/volume.ts';
import { fenceCopier } from '../copy/lease.ts';
import { listClaims } from '../system/claims.ts';

/** Whether its workflow went on without this host; what cannot be told now is kept. */
async function isLost(client: Client, { log }: HostContext, claimed: Attachment): Promise<boolean> {
  const { owner, id } = claimed;
  if (owner.namespace !== client.options.namespace) return false;
  try {
    return (await lostAttachments(client, owner)).includes(id);
  } catch (error) {
    log.error('a claim could not be checked', { attachment: id, error });
    return false;
  }
}

/** Takes an attachment from this host alone: at the backend another one has the volume by now. */
async function detach(host: HostContext, attachment: Attachment): Promise<void> {
  await host.encryptor.detachVolume(attachment);
  await disconnect(host, attachment, true);
  host.log.warn('gave up what was taken from this host while it was lost', {
    volume: formatVolume(attachment.volume),
    owner: attachment.owner.workflowId,
  });
}

/** What is lost of one copy. `fences`: its copier here is the lost one. */
async function giveUp(host: HostContext, lost: Attachment[], fences: boolean): Promise<void> {
  const [{ owner }] = lost as [Attachment];
  const { destination } = owner;
  const fence = { copyId: copyIdOf(owner), forget: true };
  // Side by side: a copier that hangs on a device which is cut off ends only with the device.
  const all = await Promise.allSettled([
    ...(fences ? [fenceCopier(host.state, destination, fence)] : []),
    ...lost.map((attachment) => detach(host, attachment)),
  ]);
  for (const each of all) {
    if (each.status === 'fulfilled') continue;
    const { workflowId } = owner;
    const error: unknown = each.reason;
    host.log.error('what was taken from this host cannot be given up yet', { workflowId, error });
  }
}

/**
 * A host that was lost and is back gives up what is no longer its own, first of all when its worker
 * starts: copiers and devices, then the claims. What cannot be given up now is tried again at the
 * next look.
 */
export async function giveUpLost(client: Client, host: HostContext): Promise<void> {
  const { state, log } = host;
  const claims = await listClaims(state.dirs.claims, (file, error) =>
    log.error('a claim cannot be read', { file, error }),
  );
  const lost = new Map<string, Attachment[]>();
  // The copy may be back on this host, and its copier is another one then.
  const atWork = new Set<string>();
  for (const { attachment } of claims) {
    const copyId = copyIdOf(attachment.owner);
    if (!(await isLost(client, host, attachment))) atWork.add(copyId);
    else lost.set(copyId, [...(lost.get(copyId) ?? []), attachment]);
  }
  await Promise.all(
    [...lost].map(([copyId, attachments]) => giveUp(host, attachments, !atWork.has(copyId))),
  );
}
