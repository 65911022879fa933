import type { Volume, VolumeRef } from './volume.ts';

/** Registered workflow types, as they stand in Temporal. */
export const WORKFLOWS = {
  copyVolume: 'copyVolume',
  verifyVolumes: 'verifyVolumes',
  releaseAttachment: 'releaseAttachment',
  manageVolume: 'manageVolume',
  examine: 'examine',
  findLeaks: 'findLeaks',
  inspectCopy: 'inspectCopy',
  notifyHooks: 'notifyHooks',
  fleet: 'fleet',
} as const;

/** Argument of `manageVolume`: one act on a backend, done where the backend can be driven. */
export type VolumeCommand =
  | { verb: 'create'; volume: VolumeRef; sizeBytes: number }
  | { verb: 'show'; volume: VolumeRef }
  | { verb: 'delete'; volume: VolumeRef }
  | { verb: 'list'; backend: string };

/** Result of `manageVolume`: what was created, shown or listed; nothing after a delete. */
export type VolumeCommandResult = Volume[];
