import type { Role, VolumeRef } from './volume.ts';
import { formatVolume } from './volume.ts';

/** One open copy a source volume: Temporal keeps a workflow id unique among the open ones. */
export function copyWorkflowId(source: VolumeRef): string {
  return `copy/${formatVolume(source)}`;
}

/** One open comparison a volume, named by the one that is compared with another. */
export function verifyWorkflowId(destination: VolumeRef): string {
  return `verify/${formatVolume(destination)}`;
}

/** The workflow that releases what an ended workflow still holds. */
export function releaseWorkflowId(attachmentId: string): string {
  return `release/${attachmentId}`;
}

const slug = (workflowId: string): string => workflowId.replace(/[/:]/g, '.');

/** Whose a copier is: the same for every attempt, reset and host. */
export function copyIdOf(owner: { workflowId: string; firstRunId: string }): string {
  return `${slug(owner.workflowId)}.${owner.firstRunId}`;
}

/**
 * Derived and never random, so that a reset of the workflow finds what it holds.
 * `move` counts the hosts the attachment has been on.
 */
export function attachmentId(
  owner: { workflowId: string; firstRunId: string },
  role: Role,
  move: number,
): string {
  return [copyIdOf(owner), role, move].join('.');
}
