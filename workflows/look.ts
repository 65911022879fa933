import { describeError } from '../contract/errors.ts';
import {
  formatVolume,
  type Role,
  SECTOR_BYTES,
  type Volume,
  type VolumeRef,
} from '../contract/volume.ts';
import { failureOf } from './faults.ts';
import { backendOf } from './places.ts';
import type { Run } from './run.ts';
import { required } from './steps.ts';

/** Both volumes as their backends describe them. */
export type Found = Record<Role, Volume>;

/** A volume that its storage system would not attach fails here, with nothing touched. */
export async function describeVolume(run: Run, role: Role, volume: VolumeRef): Promise<Volume> {
  const step = { name: `${role}.describeVolume`, about: formatVolume(volume) };
  const found = await required(run, backendOf(volume), step, (backend) =>
    backend.describeVolume(volume),
  );
  if (found.refusal !== undefined) throw failureOf(found.refusal);
  return found;
}

/** Looks at both volumes before anything is touched. */
export async function lookAtVolumes(
  run: Run,
  source: VolumeRef,
  destination: VolumeRef,
): Promise<Found> {
  const same = formatVolume(source) === formatVolume(destination);
  if (same) throw failureOf(describeError('SameVolume', { volume: formatVolume(source) }));
  const found = {
    source: await describeVolume(run, 'source', source),
    destination: await describeVolume(run, 'destination', destination),
  };
  if (found.source.sizeBytes % SECTOR_BYTES !== 0) {
    const because = `${formatVolume(source)} is not a whole number of ${SECTOR_BYTES}-byte sectors`;
    throw failureOf(describeError('BadSize', { size: found.source.sizeBytes, because }));
  }
  if (found.destination.sizeBytes < found.source.sizeBytes) {
    throw failureOf(
      describeError('DestinationTooSmall', {
        source: formatVolume(source),
        sourceBytes: found.source.sizeBytes,
        destination: formatVolume(destination),
        destinationBytes: found.destination.sizeBytes,
      }),
    );
  }
  return found;
}
