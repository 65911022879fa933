import { describeError } from '../contract/errors.ts';
import { copyIdOf } from '../contract/ids.ts';
import { STALL_ATTEMPTS } from '../contract/limits.ts';
import type { Against, VerifyInput, VerifyReport } from '../contract/verify.ts';
import { formatVolume, type Role, type Volume, type VolumeRef } from '../contract/volume.ts';
import { failureOf } from './faults.ts';
import { attachAnew, attachOnHost, endsOf, type Wanted } from './host-volumes.ts';
import { describeVolume, lookAtVolumes } from './look.ts';
import { type OnFault, overLostDevices } from './losses.ts';
import { copySlotOf, hostOf } from './places.ts';
import { Run } from './run.ts';
import { required } from './steps.ts';
import { takingBack } from './way-out.ts';

/** What is read of: a certificate has no source. */
type ReadRoles = Partial<Record<Role, Wanted>> & { destination: Wanted };

/** A volume that was never written stays known as such: it is never writable here. */
const toRead = (volume: VolumeRef, found: Volume): Wanted => ({ volume, accessMode: 'ro', found });

/** Looks at what is to be read before anything is touched. */
async function lookAt(run: Run, input: VerifyInput): Promise<ReadRoles> {
  const { destination } = input;
  if ('source' in input) {
    const found = await lookAtVolumes(run, input.source, destination);
    return {
      source: toRead(input.source, found.source),
      destination: toRead(destination, found.destination),
    };
  }
  const { bytesTotal } = input.certificate;
  const found = await describeVolume(run, 'destination', destination);
  if (found.sizeBytes >= bytesTotal) return { destination: toRead(destination, found) };
  const sizes = { volumeBytes: found.sizeBytes, bytesTotal };
  const volume = formatVolume(destination);
  throw failureOf(describeError('CertificateTooLarge', { volume, ...sizes }));
}

async function verifyOnHost(run: Run, input: VerifyInput, move: number): Promise<VerifyReport> {
  const { destination } = input;
  const wanted = await lookAt(run, input);
  // With a certificate there is no source, in all that is made of this.
  const volumes = await attachOnHost(run, destination, wanted as Record<Role, Wanted>, move);
  const { attachments, attached } = volumes;
  const about = formatVolume(destination);
  const against: Against =
    'source' in input ? { source: input.source } : { certificate: input.certificate };
  const certificate = 'certificate' in against ? against : {};

  /** Does a step that reads; a device that is lost is attached anew. */
  const reading = <T>(step: (onFault: OnFault) => Promise<T>): Promise<T> =>
    overLostDevices(STALL_ATTEMPTS, step, (role) => attachAnew(run, volumes, role));

  const plan = await reading((onFault) =>
    required(run, hostOf(run.host), { name: 'planRead', about: run.host, onFault }, (host) =>
      host.planRead({ ends: endsOf(attached), attachments, ...certificate }),
    ),
  );
  run.enter('verifying');
  const copyId = copyIdOf(attachments.destination.owner);
  const comparison = await reading((onFault) =>
    required(run, copySlotOf(run.host), { name: 'compareVolumes', about, onFault }, (host) => {
      const { limits } = run;
      run.beginData();
      const ends = endsOf(attached);
      return host.compareVolumes({ copyId, plan, ends, attachments, limits, ...certificate });
    }),
  );
  const { host, held } = run;
  return { ...against, destination, host, plan, ...comparison, held };
}

/**
 * Attaches two volumes read-only, compares all bytes of the source, and detaches both, in the same
 * way as copyVolume does; or one volume, of which it compares what a certificate says. That they
 * differ is a result.
 */
export async function verifyVolumes(input: VerifyInput): Promise<VerifyReport> {
  const against =
    'source' in input
      ? formatVolume(input.source)
      : `certificate of key ${input.certificate.signer.keyId}`;
  const run = new Run(`${against} = ${formatVolume(input.destination)}?`, input.limits, input.host);
  return takingBack(run, 'verifyVolumes', (move) => verifyOnHost(run, input, move));
}
