import type { Attachment, ConnectorProperties } from '../contract/attachment.ts';
import type {
  CopyEnds,
  CopyPlan,
  CopyProgress,
  CopyResult,
  VerifyResult,
} from '../contract/copy.ts';
import { STALL_ATTEMPTS } from '../contract/limits.ts';
import { formatVolume, type Role } from '../contract/volume.ts';
import { attach, type Attached, disconnectLost } from './attachment.ts';
import { type OnFault, overLostDevices } from './lost-devices.ts';
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
export type Session = AttachedPair & {
  copyId: string;
  plan: CopyPlan;
  /** How far an earlier host had come. */
  resumeFrom?: CopyProgress;
};

export function endsOf({ source, destination }: Record<Role, Attached>): CopyEnds {
  return { source: source.device, destination: destination.device };
}

/** Attaches a lost device anew under the same attachment id, with no copier at work. */
export async function attachAnew(run: Run, pair: AttachedPair, role: Role): Promise<void> {
  const attachment = pair.attachments[role];
  const { hostId, destination } = attachment.owner;
  const about = formatVolume(destination);
  await required(run, hostOf(hostId), { name: 'fenceCopier', about }, (host) =>
    host.fenceCopier({ destination, forget: false }),
  );
  await disconnectLost(run, attachment, pair.attached[role].encrypted);
  pair.attached[role] = await attach(run, attachment, pair.properties);
}

/** Copies; the host's checkpoint bounds the attempts, so that losses are not counted here. */
export async function copyData(run: Run, session: Session): Promise<CopyResult> {
  const { copyId, plan, attachments } = session;
  const volumes = {
    source: attachments.source.volume,
    destination: attachments.destination.volume,
  };
  const about = `${formatVolume(volumes.source)} to ${formatVolume(volumes.destination)}`;
  return overLostDevices(
    Infinity,
    (onFault) => {
      const keepProgress: OnFault = (fault) => {
        if (fault.progress) session.resumeFrom = fault.progress as CopyProgress;
        return onFault(fault);
      };
      const step = { name: 'copyData', about, onFault: keepProgress };
      return required(run, copySlotOf(run.host), step, (host) =>
        host.copyData({
          copyId,
          plan,
          ends: endsOf(session.attached),
          volumes,
          limits: run.limits,
          ...(session.resumeFrom === undefined ? {} : { resumeFrom: session.resumeFrom }),
        }),
      );
    },
    (role) => attachAnew(run, session, role),
  );
}

/** Compares both volumes; answers mode `off` when a person decided to go without. */
export async function verifyCopy(run: Run, session: Session): Promise<VerifyResult> {
  const { plan, attachments } = session;
  const about = formatVolume(attachments.destination.volume);
  const result = await overLostDevices(
    STALL_ATTEMPTS,
    (onFault) => {
      const step = { name: 'verifyCopy', about, optional: true, onFault };
      return forward(run, copySlotOf(run.host), step, (host) =>
        host.verifyCopy({ plan, ends: endsOf(session.attached), limits: run.limits }),
      );
    },
    (role) => attachAnew(run, session, role),
  );
  return result ?? { mode: 'off', bytesCompared: 0, seconds: 0 };
}
