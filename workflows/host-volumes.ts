import { workflowInfo } from '@temporalio/workflow';
import type {
  AccessMode,
  Attachment,
  ConnectorProperties,
  Device,
} from '../contract/attachment.ts';
import { attachmentId, copyIdOf } from '../contract/ids.ts';
import { formatVolume, type Role, type Volume, type VolumeRef } from '../contract/volume.ts';
import {
  attach,
  type Attached,
  disconnectLost,
  fenceStep,
  stateStep,
  undoSteps,
} from './attachment.ts';
import { hostOf } from './places.ts';
import type { Run } from './run.ts';
import { required } from './steps.ts';

/** A volume that is to be attached, as it was found. */
export type Wanted = { volume: VolumeRef; accessMode: AccessMode; found: Volume };

/** The volumes that a run has attached on its host. */
export type HostVolumes<R extends Role> = {
  properties: ConnectorProperties;
  attachments: Record<R, Attachment>;
  attached: Record<R, Attached>;
};

/** Destination first, as Cinder does: one that cannot be attached costs the source nothing. */
const ORDER: readonly Role[] = ['destination', 'source'];

function inOrder<R extends Role, T>(of: Record<R, T>): R[] {
  return ORDER.filter((role): role is R => role in of);
}

export function endsOf<R extends Role>(attached: Record<R, Attached>): Record<R, Device> {
  const ends = inOrder(attached).map((role) => [role, attached[role].device]);
  return Object.fromEntries(ends) as Record<R, Device>;
}

function newAttachment(
  run: Run,
  destination: VolumeRef,
  role: Role,
  { volume, accessMode }: Wanted,
  move: number,
): Attachment {
  const { namespace, workflowId, firstExecutionRunId: firstRunId } = workflowInfo();
  const owner = { namespace, workflowId, firstRunId, hostId: run.host, destination };
  return { id: attachmentId(owner, role, move), volume, role, accessMode, owner };
}

/**
 * All that this host may come to hold, before it holds any of it: whatever never happened is passed
 * by its undo. A run that was reset to the middle of attaching may hold more than it knows of, and
 * what it does here must not differ from the run before, whose history it replays.
 */
function pushUndo<R extends Role>(
  run: Run,
  { attachments, properties }: Omit<HostVolumes<R>, 'attached'>,
  wanted: Record<R, Wanted>,
): void {
  const roles = inOrder(attachments);
  run.attachments = roles.map((role) => attachments[role]);
  for (const role of roles) {
    const attachment = attachments[role];
    run.undo.push(stateStep(run, attachment, properties, wanted[role].found));
    run.undo.push(...undoSteps(run, attachment, properties));
  }
  const [first] = roles;
  if (first !== undefined) run.undo.push(fenceStep(run, attachments[first], properties, true));
}

/**
 * Attaches volumes on the run's host. `destination`: whose lock the programs there hold that work on
 * them. `move` counts the hosts before; `before`: attachments of this run that have them reserved.
 */
export async function attachOnHost<R extends Role>(
  run: Run,
  destination: VolumeRef,
  wanted: Record<R, Wanted>,
  move: number,
  before?: Record<R, Attachment>,
): Promise<HostVolumes<R>> {
  const names = { name: 'getConnectorProperties', about: run.host };
  const properties = await required(run, hostOf(run.host), names, (host) =>
    host.getConnectorProperties(),
  );
  run.enter('attaching');
  const roles = inOrder(wanted);
  const attachments = Object.fromEntries(
    roles.map((role) => [role, newAttachment(run, destination, role, wanted[role], move)]),
  ) as Record<R, Attachment>;
  pushUndo(run, { attachments, properties }, wanted);
  const attached: Partial<Record<R, Attached>> = {};
  for (const role of roles) {
    attached[role] = await attach(run, attachments[role], properties, before?.[role].id);
  }
  return { properties, attachments, attached: attached as Record<R, Attached> };
}

/** Attaches a lost device anew under the same attachment id, with no copier at work. */
export async function attachAnew<R extends Role>(
  run: Run,
  volumes: HostVolumes<R>,
  role: R,
): Promise<void> {
  const attachment = volumes.attachments[role];
  const { hostId, destination } = attachment.owner;
  const about = formatVolume(destination);
  await required(run, hostOf(hostId), { name: 'fenceCopier', about }, (host) =>
    host.fenceCopier({ destination, copyId: copyIdOf(attachment.owner), forget: false }),
  );
  await disconnectLost(run, attachment, volumes.attached[role].encrypted);
  volumes.attached[role] = await attach(run, attachment, volumes.properties);
}
