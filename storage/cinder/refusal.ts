import { DrayError } from '../../contract/errors.ts';
import type { CinderVolume } from './volumes.ts';

/** States that only an attachment brings a volume into. */
const ATTACHED = ['reserved', 'attaching', 'in-use', 'detaching'];
/** What a migration that has ended leaves (cinder/volume/api.py: API.migrate_volume). */
const MIGRATED = ['deleting', 'error', 'success', 'none'];

export const isAttachedState = (state: string): boolean => ATTACHED.includes(state);
export const isErrorState = (state: string): boolean => state.startsWith('error');

/**
 * Why a volume cannot be attached, in the order of what its owner would want to know first. A
 * migration is seen by administrators alone; for others it may show as `maintenance`.
 */
export function refusalOf(volume: string, found: CinderVolume): DrayError | undefined {
  const { status: state, migration_status: migration } = found;
  if (typeof migration === 'string' && !MIGRATED.includes(migration)) {
    return new DrayError('VolumeMigrating', { volume, state: migration });
  }
  if (state === 'maintenance') return new DrayError('VolumeInMaintenance', { volume });
  if (isErrorState(state)) return new DrayError('VolumeInError', { volume, state });
  if (isAttachedState(state)) return new DrayError('VolumeInUse', { volume, state });
  if (state !== 'available') return new DrayError('VolumeNotReady', { volume, state });
  if (found.multiattach === true) return new DrayError('VolumeMultiattach', { volume });
  if (found.encrypted === true) return new DrayError('EncryptionUnsupported', { volume });
  return undefined;
}

/** Cinder shows the mark of `os-update_readonly_flag` among the metadata. */
export function readOnlyRefusal(volume: string, found: CinderVolume): DrayError | undefined {
  const isMarked = found.metadata?.['readonly']?.toLowerCase() === 'true';
  return isMarked ? new DrayError('VolumeReadOnly', { volume }) : undefined;
}
