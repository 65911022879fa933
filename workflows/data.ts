import type { Attachment, ConnectorProperties } from '../contract/attachment.ts';
import type { CopyEnds, CopyPlan, CopyResult, VerifyResult } from '../contract/copy.ts';
import { copyIdOf } from '../contract/ids.ts';
import { STALL_ATTEMPTS } from '../contract/limits.ts';
import { formatVolume, type Role } from '../contract/volume.ts';
import { attach, type Attached, disconnectLost } from './attachment.ts';
import { overLostDevices } from './losses.ts';
import { copySlotOf, hostOf } from './places.ts';
import type { Run } from './run.ts';
import { forward, required } from './steps.ts';

/** Both volumes attached on one host. */
export type AttachedPair = {
  properties: ConnectorProperties;
  attachments: Record<Role, Attachment>;
  attached: Record<Role, Attached>;
};

/** What is to be done between them. */
export type Session = AttachedPair & { plan: CopyPlan };

export function endsOf({ source, destination }: Record<Role, Attached>): CopyEnds {
  return { source: source.device, destination: destination.device };
}

/** Attaches a lost device anew under the same attachment id, with no copier at work. */
export async function attachAnew(run: Run, pair: AttachedPair, role: Role): Promise<void> {
  const attachment = pair.attachments[role];
  const { hostId, destination } = attachment.owner;
  const about = formatVolume(destination);
  await required(run, hostOf(hostId), { name: 'fenceCopier', about }, (host) =>
    host.fenceCopier({ destination, copyId: copyIdOf(attachment.owner), forget: false }),
  );
  await disconnectLost(run, attachment, pair.attached[role].encrypted);
  pair.attached[role] = await attach(run, attachment, pair.properties);
}

/**
 * As attachAnew. A volume that was free meanwhile may hold other data: zeros of the source that are
 * left out would then show what an earlier attempt or another copy has written there.
 */
async function attachForPlan(run: Run, session: Session, role: Role): Promise<void> {
  const attachment = session.attachments[role];
  const before = attachment.exported?.reservation;
  await attachAnew(run, session, role);
  if (!session.plan.skipZeros.value || attachment.exported?.reservation === before) return;
  const skipZeros = { value: false, because: `the ${role} was released meanwhile` };
  session.plan = { ...session.plan, skipZeros };
}

/** Copies; the host's checkpoint bounds the attempts, so that losses are not counted here. */
export async function copyData(run: Run, session: Session): Promise<CopyResult> {
  const { attachments } = session;
  const [source, destination] = [attachments.source.volume, attachments.destination.volume];
  const about = `${formatVolume(source)} to ${formatVolume(destination)}`;
  return overLostDevices(
    Infinity,
    (onFault) =>
      required(run, copySlotOf(run.host), { name: 'copyData', about, onFault }, (host) =>
        host.copyData({
          copyId: copyIdOf(attachments.destination.owner),
          plan: session.plan,
          ends: endsOf(session.attached),
          attachments,
          limits: run.limits,
        }),
      ),
    (role) => attachForPlan(run, session, role),
  );
}

/** Compares both volumes; answers mode `off` when a person decided to go without. */
export async function verifyCopy(run: Run, session: Session): Promise<VerifyResult> {
  const { attachments } = session;
  const about = formatVolume(attachments.destination.volume);
  const result = await overLostDevices(
    STALL_ATTEMPTS,
    (onFault) => {
      const step = { name: 'verifyCopy', about, optional: true, onFault };
      return forward(run, copySlotOf(run.host), step, (host) =>
        host.verifyCopy({
          plan: session.plan,
          ends: endsOf(session.attached),
          attachments,
          limits: run.limits,
        }),
      );
    },
    (role) => attachForPlan(run, session, role),
  );
  return result ?? { mode: 'off', bytesCompared: 0, seconds: 0 };
}
