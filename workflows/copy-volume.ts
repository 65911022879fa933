import type { Attachment } from '../contract/attachment.ts';
import type { CopyInput, CopyReport } from '../contract/copy.ts';
import { STALL_ATTEMPTS } from '../contract/limits.ts';
import { formatVolume, type Role } from '../contract/volume.ts';
import { certify } from './certificate.ts';
import {
  afterRelease,
  copyAndVerify,
  type Released,
  ReleaseRequested,
  type Reserved,
  type Session,
  withAllZeros,
} from './data.ts';
import { attachAnew, attachOnHost, endsOf, type Wanted } from './host-volumes.ts';
import { type Found, lookAtVolumes } from './look.ts';
import { overLostDevices } from './losses.ts';
import { count } from './metrics.ts';
import { hostOf } from './places.ts';
import { Run } from './run.ts';
import { HostLost, required } from './steps.ts';
import { leaveToMove, suspendOnHost, takingBack } from './way-out.ts';

/** The volume that somebody else may have written since it was let go; undefined for none. */
function releasedSince(attachments: Reserved['attachments'], before: Reserved['attachments']) {
  return (['destination', 'source'] as const).find((role) => {
    const { exported } = before[role];
    const isSame = attachments[role].exported?.reservation === exported?.reservation;
    // One that no host had reserved before has nothing of this copy.
    return exported !== undefined && !isSame;
  });
}

/** Attaches both volumes on the run's host and plans the copy between them. */
async function openSession(
  run: Run,
  { source, destination, options }: CopyInput,
  found: Found,
  move: number,
  reserved: Reserved | undefined,
): Promise<Session> {
  const wanted: Record<Role, Wanted> = {
    source: { volume: source, accessMode: 'ro', found: found.source },
    destination: { volume: destination, accessMode: 'rw', found: found.destination },
  };
  const volumes = await attachOnHost(run, destination, wanted, move, reserved?.attachments);
  const { attachments, attached } = volumes;
  const plan = await overLostDevices(
    STALL_ATTEMPTS,
    (onFault) =>
      required(run, hostOf(run.host), { name: 'planCopy', about: run.host, onFault }, (host) =>
        host.planCopy({
          ends: endsOf(attached),
          attachments,
          encrypted: attached.destination.encrypted,
          options,
        }),
      ),
    (role) => attachAnew(run, volumes, role),
  );
  if (reserved === undefined) return { ...volumes, plan };
  const free = releasedSince(attachments, reserved.attachments);
  if (free !== undefined) return { ...volumes, plan: afterRelease(plan, free) };
  const { from, inDoubt } = reserved;
  if (from !== undefined) return { ...volumes, plan, from };
  const lost = 'a host was lost that may have written meanwhile';
  return { ...volumes, plan: inDoubt === true ? withAllZeros(plan, lost) : plan };
}

async function copyOnHost(
  run: Run,
  input: CopyInput,
  move: number,
  reserved: Reserved | undefined,
): Promise<CopyReport> {
  const { source, destination, options } = input;
  const found = await lookAtVolumes(run, source, destination);
  const session = await openSession(run, input, found, move, reserved);
  const { copied, verified } = await copyAndVerify(run, session, options.verify ?? 'full');
  count('drayage_repaired_bytes_total', copied.bytesRepaired, {});
  const { plan, attached } = session;
  const devices = { source: attached.source.identity, destination: attached.destination.identity };
  return { source, destination, host: run.host, plan, copied, verified, devices, held: run.held };
}

/** What is reserved when a host is lost, where `before` is what was when it began. */
function reservedAt(
  { attachments }: Run,
  before: Reserved | undefined,
  { copied }: HostLost,
): Reserved | undefined {
  const holder = (role: Role): Attachment | undefined => {
    const current = attachments.find((each) => each.role === role);
    const isReserved = current?.exported !== undefined;
    return isReserved ? current : (before?.attachments[role] ?? current);
  };
  const [source, destination] = [holder('source'), holder('destination')];
  if (source === undefined || destination === undefined) return before;
  const { from, inDoubt = false } = before ?? {};
  const progress = copied === undefined ? from : copied.progress;
  return {
    attachments: { source, destination },
    inDoubt: inDoubt || copied !== undefined,
    ...(progress === undefined ? {} : { from: progress }),
  };
}

/** Leaves a lost host, which may come back at any time, with both volumes reserved. */
async function leaveLost(run: Run, { fault, host }: HostLost): Promise<string> {
  run.lose(fault.message, host);
  await suspendOnHost(run);
  return host;
}

/** Lets the host go with both volumes reserved, and waits until somebody resumes, here or there. */
async function waitReleased(run: Run, { from }: Released): Promise<string> {
  await suspendOnHost(run);
  run.enter('paused');
  await run.control.whilePaused(from, true);
  return run.control.host ?? run.host;
}

/**
 * Attaches a source and a destination volume, copies, verifies and detaches both. The durable form
 * of Cinder's VolumeManager._copy_volume_data (cinder/volume/manager.py). Success, failure and
 * cancel leave by the same undo stack. After `move` it starts anew, since somebody else may have
 * written the volumes; after a pause that released them, or the loss of a host, nobody can have.
 */
export async function copyVolume(input: CopyInput): Promise<CopyReport> {
  const title = `${formatVolume(input.source)} → ${formatVolume(input.destination)}`;
  const run = new Run(title, input.limits, input.host, true, input.standby);
  let reserved: Reserved | undefined;
  return takingBack(run, 'copyVolume', (move) => copyOnHost(run, input, move, reserved), {
    leave: async (error) => {
      if (error instanceof HostLost) {
        reserved = reservedAt(run, reserved, error);
        return leaveLost(run, error);
      }
      const released = error instanceof ReleaseRequested ? error.released : undefined;
      reserved = released;
      return released === undefined ? leaveToMove(run, error) : waitReleased(run, released);
    },
    conclude: async (report) => ({
      ...report,
      ...(run.lost.length === 0 ? {} : { lost: run.lost }),
      ...(await certify(run, report)),
    }),
  });
}
