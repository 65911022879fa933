import type { Attachment } from '../contract/attachment.ts';
import { DrayError } from '../contract/errors.ts';
import { formatVolume, type Role } from '../contract/volume.ts';
import { type Claim, readClaim } from '../system/claims.ts';
import type { HostState } from '../system/host-state.ts';

/** The attachments a data step works on. */
export type ClaimedPair = Record<Role, Attachment>;

/**
 * The claim of an attachment that is connected here. Without one its volume may belong to somebody
 * else by now, even if the device is still there: a reset can come back to a step whose volumes
 * were released. @throws DeviceLost, so that the volume is reserved and attached anew
 */
export async function claimOf({ dirs }: HostState, attachment: Attachment): Promise<Claim> {
  const claim = await readClaim(dirs.claims, attachment.id);
  if (claim !== undefined) return claim;
  throw new DrayError('DeviceLost', {
    role: attachment.role,
    device: formatVolume(attachment.volume),
    because: 'this host has no claim for it',
  });
}

/** What is read of them: the destination, and a source if there is one. */
export type ClaimedToRead = Partial<ClaimedPair> & Pick<ClaimedPair, 'destination'>;

/** @throws DeviceLost for the one that this host does not hold */
export async function assertClaimed(
  state: HostState,
  attachments: Partial<ClaimedPair>,
): Promise<void> {
  for (const attachment of Object.values(attachments)) await claimOf(state, attachment);
}
