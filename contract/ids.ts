import type { OwnerRef } from './leaks.ts';
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

/** The workflow that copies many volumes, one open of each name. */
export function fleetWorkflowId(name: string): string {
  return `fleet/${name}`;
}

/**
 * The schedule by which a host's worker has leaks looked for; what it starts begins so as well. A
 * worker that only drives backends has one of its own, beside that of the mover.
 */
export function leakScheduleId(hostId: string, attaches: boolean): string {
  return attaches ? `leaks/${hostId}` : `leaks/${hostId}/control`;
}

/** The workflow that calls webhooks for one event of a run. */
export function notifyWorkflowId(workflowId: string, messageId: string): string {
  return `notify/${workflowId}/${messageId}`;
}

/** A look at what a workflow works with; as many at a time as people want. */
export function inspectWorkflowId(workflowId: string, unique: string): string {
  return `inspect/${workflowId}/${unique}`;
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

const COPY_ID = /^([a-z]+)\.([a-z0-9-]+)\.(.+)\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** Whose a copy id is; undefined for a text that is none. */
export function parseCopyId(copyId: string): OwnerRef | undefined {
  const [, kind, backend, id, firstRunId = ''] = COPY_ID.exec(copyId) ?? [];
  if (kind === undefined) return undefined;
  return { workflowId: `${kind}/${backend}:${id}`, firstRunId };
}

/** What an attachment id was derived from; undefined for a text that is none. */
export function parseAttachmentId(
  text: string,
): { copyId: string; owner: OwnerRef; role: Role; move: number } | undefined {
  const [, copyId = '', role, move] = /^(.+)\.(source|destination)\.(\d{1,9})$/.exec(text) ?? [];
  const owner = parseCopyId(copyId);
  return owner && { copyId, owner, role: role as Role, move: Number(move) };
}

const TARGETS = 'iqn.2026-11.io.drayage:';

/** Name of the iSCSI target made for an attachment. */
export function iqnOf(attachmentId: string): string {
  return TARGETS + attachmentId;
}

/** The attachment that a target was made for; undefined for one that is not of Drayage. */
export function attachmentOf(iqn: string): string | undefined {
  return iqn.startsWith(TARGETS) ? iqn.slice(TARGETS.length) : undefined;
}
