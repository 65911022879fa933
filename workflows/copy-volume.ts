import type { CopyInput, CopyReport } from '../contract/copy.ts';
import { STALL_ATTEMPTS } from '../contract/limits.ts';
import { formatVolume, type Role } from '../contract/volume.ts';
import { certify } from './certificate.ts';
import {
  afterRelease,
  copyAndVerify,
  type Released,
  ReleaseRequested,
  type Session,
} from './data.ts';
import { attachAnew, attachOnHost, endsOf, type Wanted } from './host-volumes.ts';
import { type Found, lookAtVolumes } from './look.ts';
import { overLostDevices } from './losses.ts';
import { count } from './metrics.ts';
import { hostOf } from './places.ts';
import { Run } from './run.ts';
import { required } from './steps.ts';
import { leaveToMove, suspendOnHost, takingBack } from './way-out.ts';

/** The volume that somebody else may have written since it was let go; undefined for none. */
function releasedSince(attachments: Released['attachments'], before: Released['attachments']) {
  return (['destination', 'source'] as const).find(
    (role) => attachments[role].exported?.reservation !== before[role].exported?.reservation,
  );
}

/** Attaches both volumes on the run's host and plans the copy between them. */
async function openSession(
  run: Run,
  { source, destination, options }: CopyInput,
  found: Found,
  move: number,
  released: Released | undefined,
): Promise<Session> {
  const wanted: Record<Role, Wanted> = {
    source: { volume: source, accessMode: 'ro', found: found.source },
    destination: { volume: destination, accessMode: 'rw', found: found.destination },
  };
  const volumes = await attachOnHost(run, destination, wanted, move, released?.attachments);
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
  if (released === undefined) return { ...volumes, plan };
  const lost = releasedSince(attachments, released.attachments);
  if (lost === undefined) return { ...volumes, plan, from: released.from };
  return { ...volumes, plan: afterRelease(plan, lost) };
}

async function copyOnHost(
  run: Run,
  input: CopyInput,
  move: number,
  released: Released | undefined,
): Promise<CopyReport> {
  const { source, destination, options } = input;
  const found = await lookAtVolumes(run, source, destination);
  const session = await openSession(run, input, found, move, released);
  const { copied, verified } = await copyAndVerify(run, session, options.verify ?? 'full');
  count('drayage_repaired_bytes_total', copied.bytesRepaired, {});
  const { plan, attached } = session;
  const devices = { source: attached.source.identity, destination: attached.destination.identity };
  return { source, destination, host: run.host, plan, copied, verified, devices, held: run.held };
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
 * written the volumes; after a pause that released them nobody can have.
 */
export async function copyVolume(input: CopyInput): Promise<CopyReport> {
  const title = `${formatVolume(input.source)} → ${formatVolume(input.destination)}`;
  const run = new Run(title, input.limits, input.host, true);
  let released: Released | undefined;
  return takingBack(run, 'copyVolume', (move) => copyOnHost(run, input, move, released), {
    leave: async (error) => {
      released = error instanceof ReleaseRequested ? error.released : undefined;
      return released === undefined ? leaveToMove(run, error) : waitReleased(run, released);
    },
    conclude: async (report) => ({ ...report, ...(await certify(run, report)) }),
  });
}
