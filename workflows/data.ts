import type { CopyActivities } from '../activities/copy.ts';
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
import { attach, type Attached } from './attachment.ts';
import { type Fault, faultOf } from './faults.ts';
import { copySlotOf, hostOf } from './places.ts';
import type { Run } from './run.ts';
import { forward, required } from './steps.ts';

/** Both volumes attached on one host, and what is to be done between them. */
export type Session = {
  copyId: string;
  properties: ConnectorProperties;
  attachments: Record<Role, Attachment>;
  attached: Record<Role, Attached>;
  plan: CopyPlan;
  /** How far an earlier host had come. */
  resumeFrom?: CopyProgress;
};

export function endsOf({ source, destination }: Record<Role, Attached>): CopyEnds {
  return { source: source.device, destination: destination.device };
}

/** A dead device answers nothing for ever: it is attached anew under the same attachment id. */
async function attachAnew(run: Run, session: Session, role: Role): Promise<void> {
  const attachment = session.attachments[role];
  const { owner, volume } = attachment;
  const about = formatVolume(volume);
  await required(run, hostOf(owner.hostId), { name: 'fenceCopier', about }, (host) =>
    host.fenceCopier({ destination: owner.destination, forget: false }),
  );
  if (session.attached[role].encrypted) {
    const name = `${role}.detachEncryptor`;
    await required(run, hostOf(owner.hostId), { name, about }, (host) =>
      host.detachEncryptor({ attachment }),
    );
  }
  const name = `${role}.disconnectVolume`;
  await required(run, hostOf(owner.hostId), { name, about }, (host) =>
    host.disconnectVolume({ attachment, force: false }),
  );
  session.attached[role] = await attach(run, attachment, session.properties);
}

type DataStep = {
  name: 'copyData' | 'verifyCopy';
  optional: boolean;
  /** How often in a row a device may be lost before a person is asked. */
  losses: number;
  onFault?: (fault: Fault) => void;
};

/** Runs a data step, attaching a lost device anew as often as it takes. */
async function overLostDevices<T>(
  run: Run,
  session: Session,
  step: DataStep,
  call: (activities: CopyActivities) => Promise<T>,
): Promise<T | undefined> {
  const place = copySlotOf(run.host);
  const { source, destination } = session.attachments;
  const about = `${formatVolume(source.volume)} to ${formatVolume(destination.volume)}`;
  for (let losses = 0; ; losses += 1) {
    const onFault = (fault: Fault): 'throw' | 'parkOrFail' => {
      step.onFault?.(fault);
      return fault.code === 'DeviceLost' && losses < step.losses ? 'throw' : 'parkOrFail';
    };
    try {
      return await forward(run, place, { ...step, about, onFault }, call);
    } catch (error) {
      const fault = faultOf(error, step.name, place.queue);
      if (fault.code !== 'DeviceLost') throw error;
      await attachAnew(run, session, fault.params['role'] === 'source' ? 'source' : 'destination');
    }
  }
}

/** Copies; the host's checkpoint bounds the attempts, so that losses are not counted here. */
export async function copyData(run: Run, session: Session): Promise<CopyResult> {
  const { copyId, plan, attachments } = session;
  const volumes = {
    source: attachments.source.volume,
    destination: attachments.destination.volume,
  };
  const result = await overLostDevices(
    run,
    session,
    {
      name: 'copyData',
      optional: false,
      losses: Infinity,
      onFault: (fault) => {
        if (fault.progress) session.resumeFrom = fault.progress as CopyProgress;
      },
    },
    (host) =>
      host.copyData({
        copyId,
        plan,
        ends: endsOf(session.attached),
        volumes,
        limits: run.limits,
        ...(session.resumeFrom === undefined ? {} : { resumeFrom: session.resumeFrom }),
      }),
  );
  return result as CopyResult;
}

/** Compares both volumes; answers mode `off` when a person decided to go without. */
export async function verifyCopy(run: Run, session: Session): Promise<VerifyResult> {
  const { plan } = session;
  const result = await overLostDevices(
    run,
    session,
    { name: 'verifyCopy', optional: true, losses: STALL_ATTEMPTS },
    (host) => host.verifyCopy({ plan, ends: endsOf(session.attached), limits: run.limits }),
  );
  return result ?? { mode: 'off', bytesCompared: 0, seconds: 0 };
}
