import {
  allHandlersFinished,
  CancellationScope,
  CancelledFailure,
  condition,
  workflowInfo,
} from '@temporalio/workflow';
import type { Attachment, ConnectorProperties } from '../contract/attachment.ts';
import type { CopyInput, CopyReport } from '../contract/copy.ts';
import { describeError } from '../contract/errors.ts';
import { attachmentId } from '../contract/ids.ts';
import { STALL_ATTEMPTS } from '../contract/limits.ts';
import { formatVolume, type Role, SECTOR_BYTES, type Volume } from '../contract/volume.ts';
import { attach, type Attached, fenceStep, stateStep, undoSteps } from './attachment.ts';
import { certify } from './certificate.ts';
import {
  attachAnew,
  copyAndVerify,
  endsOf,
  type Released,
  ReleaseRequested,
  type Session,
} from './data.ts';
import { failureOf, faultOf } from './faults.ts';
import { overLostDevices } from './losses.ts';
import { backendOf, hostOf } from './places.ts';
import { Run } from './run.ts';
import { MoveRequested, required } from './steps.ts';

type Found = Record<Role, Volume>;

/** Looks at both volumes before anything is touched. */
async function lookAtVolumes(run: Run, { source, destination }: CopyInput): Promise<Found> {
  const same = formatVolume(source) === formatVolume(destination);
  if (same) throw failureOf(describeError('SameVolume', { volume: formatVolume(source) }));
  const describe = (role: Role, volume: typeof source): Promise<Volume> =>
    required(
      run,
      backendOf(volume),
      { name: `${role}.describeVolume`, about: formatVolume(volume) },
      (backend) => backend.describeVolume(volume),
    );
  const found = {
    source: await describe('source', source),
    destination: await describe('destination', destination),
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

function newAttachment(run: Run, input: CopyInput, role: Role, move: number): Attachment {
  const { namespace, workflowId, firstExecutionRunId: firstRunId } = workflowInfo();
  const { destination } = input;
  const owner = { namespace, workflowId, firstRunId, hostId: run.host, destination };
  return {
    id: attachmentId(owner, role, move),
    volume: input[role],
    role,
    accessMode: role === 'source' ? 'ro' : 'rw',
    owner,
  };
}

/**
 * All that this host may come to hold, before it holds any of it: whatever never happened is passed
 * by its undo. A run that was reset to the middle of attaching may hold more than it knows of, and
 * what it does here must not differ from the run before, whose history it replays.
 */
function pushUndo(
  run: Run,
  attachments: Record<Role, Attachment>,
  properties: ConnectorProperties,
  found: Found,
): void {
  for (const role of ['destination', 'source'] as const) {
    const attachment = attachments[role];
    run.undo.push(stateStep(run, attachment, properties, found[role]));
    run.undo.push(...undoSteps(run, attachment, properties));
  }
  run.undo.push(fenceStep(run, attachments.destination, properties, true));
}

/** Whether nobody else can have written either volume since it was let go. */
function stillReserved(attachments: Released['attachments'], before: Released['attachments']) {
  return (['destination', 'source'] as const).every(
    (role) => attachments[role].exported?.reservation === before[role].exported?.reservation,
  );
}

/** Attaches both volumes on the run's host and plans the copy between them. */
async function openSession(
  run: Run,
  input: CopyInput,
  found: Found,
  move: number,
  released: Released | undefined,
): Promise<Session> {
  const about = run.host;
  const names = { name: 'getConnectorProperties', about };
  const properties = await required(run, hostOf(run.host), names, (host) =>
    host.getConnectorProperties(),
  );
  run.enter('attaching');
  const attachments = {
    destination: newAttachment(run, input, 'destination', move),
    source: newAttachment(run, input, 'source', move),
  };
  pushUndo(run, attachments, properties, found);
  const attached: Partial<Record<Role, Attached>> = {};
  // Destination first, as Cinder does: one that cannot be attached costs the source nothing.
  for (const role of ['destination', 'source'] as const) {
    attached[role] = await attach(
      run,
      attachments[role],
      properties,
      released?.attachments[role].id,
    );
  }
  const pair = { properties, attachments, attached: attached as Record<Role, Attached> };
  const plan = await overLostDevices(
    STALL_ATTEMPTS,
    (onFault) =>
      required(run, hostOf(run.host), { name: 'planCopy', about, onFault }, (host) =>
        host.planCopy({
          ends: endsOf(pair.attached),
          attachments,
          encrypted: pair.attached.destination.encrypted,
          options: input.options,
        }),
      ),
    (role) => attachAnew(run, pair, role),
  );
  const isReserved = released !== undefined && stillReserved(attachments, released.attachments);
  return { ...pair, plan, ...(isReserved ? { from: released.from } : {}) };
}

async function copyOnHost(
  run: Run,
  input: CopyInput,
  move: number,
  released: Released | undefined,
): Promise<CopyReport> {
  const found = await lookAtVolumes(run, input);
  const session = await openSession(run, input, found, move, released);
  const { copied, verified } = await copyAndVerify(run, session, input.options.verify ?? 'full');
  // A cancel that this step heard of too late: whoever asked for one is told that it was done.
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled');
  const { source, destination } = input;
  const { plan, attached } = session;
  const devices = { source: attached.source.identity, destination: attached.destination.identity };
  return { source, destination, host: run.host, plan, copied, verified, devices, held: run.held };
}

/** Takes everything back for a move; between two hosts both volumes are free. */
async function leaveFor(run: Run, host: string): Promise<void> {
  run.enter('detaching');
  const complete = await run.undo.unwind();
  if (!complete) throw failureOf(describeError('MoveImpossible', { host }));
  goOnWith(run, host);
}

/** Lets the host go with both volumes reserved, and waits until somebody resumes, here or there. */
async function waitReleased(run: Run, { from }: Released): Promise<void> {
  run.enter('detaching');
  const complete = await run.undo.suspend();
  if (!complete) throw failureOf(describeError('MoveImpossible', { host: run.host }));
  run.enter('paused');
  await run.control.whilePaused(from, true);
  goOnWith(run, run.control.host ?? run.host);
}

function goOnWith(run: Run, host: string): void {
  run.host = host;
  // Whoever sends the copy there says that the host is on.
  run.hostsOff.delete(host);
  run.enter('preparing');
}

/**
 * From host to host, for as long as people want. After `move` it starts anew, since somebody else
 * may have written the volumes; after a pause that released them nobody can have.
 */
async function copyOnAnyHost(run: Run, input: CopyInput): Promise<CopyReport> {
  let released: Released | undefined;
  for (let move = 0; ; move += 1) {
    try {
      return await copyOnHost(run, input, move, released);
    } catch (error) {
      if (error instanceof MoveRequested) {
        await leaveFor(run, error.host);
        released = undefined;
      } else if (error instanceof ReleaseRequested) {
        released = error.released;
        await waitReleased(run, released);
      } else throw error;
    }
  }
}

/**
 * Attaches a source and a destination volume, copies, verifies and detaches both. The durable form
 * of Cinder's VolumeManager._copy_volume_data (cinder/volume/manager.py). Success, failure and
 * cancel leave by the same undo stack.
 */
export async function copyVolume(input: CopyInput): Promise<CopyReport> {
  const title = `${formatVolume(input.source)} → ${formatVolume(input.destination)}`;
  const run = new Run(title, input.limits, input.host);
  run.enter('preparing');
  let report: CopyReport | undefined;
  let failed: unknown;
  try {
    report = await copyOnAnyHost(run, input);
  } catch (error) {
    failed = error;
  }
  const fault = report === undefined ? faultOf(failed, 'copyVolume', '') : undefined;
  run.enter('detaching', fault);
  await run.undo.unwind();
  if (report !== undefined) report = { ...report, ...(await certify(run, report)) };
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  if (fault === undefined) {
    run.enter('done');
    return report as CopyReport;
  }
  if (fault.code === 'Cancelled') {
    run.enter('cancelled');
    throw new CancelledFailure(fault.message);
  }
  run.enter('failed');
  throw failureOf(fault, fault.message, run.held);
}
