import { copyIdOf } from '../contract/ids.ts';
import { STALL_ATTEMPTS } from '../contract/limits.ts';
import type { Comparison, ReadPlan, VerifyInput, VerifyReport } from '../contract/verify.ts';
import { formatVolume, type Role } from '../contract/volume.ts';
import { attachAnew, attachOnHost, endsOf, type HostVolumes, type Wanted } from './host-volumes.ts';
import { lookAtVolumes } from './look.ts';
import { type OnFault, overLostDevices } from './losses.ts';
import { copySlotOf, hostOf } from './places.ts';
import { Run } from './run.ts';
import { required } from './steps.ts';
import { takingBack } from './way-out.ts';

/** Does a step that reads; a device that is lost is attached anew. */
async function reading<T>(
  run: Run,
  volumes: HostVolumes<Role>,
  step: (onFault: OnFault) => Promise<T>,
): Promise<T> {
  return overLostDevices(STALL_ATTEMPTS, step, (role) => attachAnew(run, volumes, role));
}

async function compare(run: Run, volumes: HostVolumes<Role>, plan: ReadPlan): Promise<Comparison> {
  const { attached, attachments } = volumes;
  const { owner, volume } = attachments.destination;
  const step = { name: 'compareVolumes', about: formatVolume(volume) };
  run.enter('verifying');
  return reading(run, volumes, (onFault) =>
    required(run, copySlotOf(run.host), { ...step, onFault }, (host) =>
      host.compareVolumes({
        copyId: copyIdOf(owner),
        plan,
        ends: endsOf(attached),
        attachments,
        limits: run.limits,
      }),
    ),
  );
}

async function verifyOnHost(run: Run, input: VerifyInput, move: number): Promise<VerifyReport> {
  const { source, destination } = input;
  const found = await lookAtVolumes(run, source, destination);
  // Neither is ever writable, so that a volume that was never written stays known as such.
  const wanted: Record<Role, Wanted> = {
    source: { volume: source, accessMode: 'ro', found: found.source },
    destination: { volume: destination, accessMode: 'ro', found: found.destination },
  };
  const volumes = await attachOnHost(run, destination, wanted, move);
  const { attachments, attached } = volumes;
  const plan = await reading(run, volumes, (onFault) =>
    required(run, hostOf(run.host), { name: 'planRead', about: run.host, onFault }, (host) =>
      host.planRead({ ends: endsOf(attached), attachments }),
    ),
  );
  const comparison = await compare(run, volumes, plan);
  const { host, held } = run;
  return { mode: 'volumes', source, destination, host, plan, ...comparison, held };
}

/**
 * Attaches two volumes read-only, compares all bytes of the source, and detaches both, in the same
 * way as copyVolume does. That they differ is a result.
 */
export async function verifyVolumes(input: VerifyInput): Promise<VerifyReport> {
  const title = `${formatVolume(input.source)} = ${formatVolume(input.destination)}?`;
  const run = new Run(title, input.limits, input.host);
  return takingBack(run, 'verifyVolumes', (move) => verifyOnHost(run, input, move));
}
