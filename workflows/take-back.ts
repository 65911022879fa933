import type { Attachment, ConnectorProperties } from '../contract/attachment.ts';
import { describeError } from '../contract/errors.ts';
import type { DecisionKind } from '../contract/messages.ts';
import { formatVolume, type Undone } from '../contract/volume.ts';
import { type Fault, failureOf, faultOf } from './faults.ts';
import { backendOf, type Place } from './places.ts';
import type { Run } from './run.ts';
import { park, type StepNames, summaryOf } from './steps.ts';
import { hostFault } from './there.ts';
import type { UndoOutcome } from './undo.ts';

/** What an undo step concerns, for `force` and for the list of what is held. */
export type Taken = {
  attachment: Attachment;
  properties: ConnectorProperties;
  /** What stays if the step is skipped, in words. */
  what: string;
  /** Runs on the attachment's host: nothing of it is left once that host is powered off. */
  onHost: boolean;
  /** `fenceCopier` cannot be skipped: nothing is undone under a living copier. */
  skippable: boolean;
};

/** What was done in place of a step on a host that cannot be asked. */
const passed = (because: string): UndoOutcome => ({ outcome: 'skipped', because });

/**
 * A step that takes something back. Whatever goes wrong is parked, never given up: `skip` ends
 * the volume's stack and lists what is held; `force` goes on only after the backend has revoked
 * the host's access, or with a person's statement that the host is powered off. Steps on a host
 * that is lost are passed once its access was revoked: it gives up itself what it still has.
 */
export async function takeBack<A>(
  run: Run,
  place: Place<A>,
  step: StepNames,
  taken: Taken,
  call: (activities: A, force: boolean) => Promise<Undone>,
): Promise<UndoOutcome> {
  const { attachment, onHost } = taken;
  const host = attachment.owner.hostId;
  let [revokes, revoked] = [false, false];
  for (;;) {
    if (onHost && run.hostsOff.has(host)) return passed(`host ${host} is off, by statement`);
    const isLost = onHost && run.isLost(attachment);
    let fault: Fault;
    try {
      // Asked before each attempt: this step may have been parked for days.
      const because = await run.whyStop?.();
      if (because !== undefined) return { ...passed(because), stop: true };
      if (isLost || revokes) revoked = await revoke(run, taken);
      if (isLost) return passed(`host ${host} is lost, and its access was taken away`);
      return { outcome: await call(place.bind(run.limits, summaryOf(step)), revoked) };
    } catch (error) {
      fault = await hostFault(run, place, faultOf(error, step.name, place.queue));
    }
    if (revoked && onHost) {
      // The host can no longer reach the volume, so taking its export away harms nobody.
      return hold(run, taken, fault.message);
    }
    const isGone = onHost && fault.code === 'HostGone';
    // The other volume's steps wait for the same host.
    if (isGone && run.isLost(attachment)) continue;
    if (isGone && run.leavesLostHosts) {
      run.lose(fault.message);
      continue;
    }
    const skip = taken.skippable ? (['skip'] as const) : [];
    const accepts: DecisionKind[] = ['retry', ...skip, 'force'];
    const { decision, reason, hostIsOff } = await park(run, step, fault, accepts);
    if (decision === 'skip') {
      return { ...hold(run, taken, `skipped by decision: ${reason}`), stop: true };
    }
    revokes = decision === 'force' && hostIsOff !== true;
    if (revokes && isGone && !run.isLost(attachment)) run.lose(fault.message);
    if (decision === 'force' && hostIsOff === true) {
      run.hostsOff.add(host);
      revoked = true;
    }
  }
}

function hold(run: Run, { attachment, what }: Taken, because: string): UndoOutcome {
  run.held.push({ attachmentId: attachment.id, volume: attachment.volume, what, because });
  return { outcome: 'held', because };
}

/** Takes the host's access away and answers true; throws what is to be parked where it cannot. */
async function revoke(run: Run, { attachment, properties, what }: Taken): Promise<true> {
  const { backend } = attachment.volume;
  const [host, volume] = [attachment.owner.hostId, formatVolume(attachment.volume)];
  const impossible = failureOf(describeError('RevokeImpossible', { host, volume, backend }));
  // What stops a copier is the loss of its destination; this attachment may be of the source.
  const stopped = what === 'copier' ? formatVolume(attachment.owner.destination) : volume;
  if (stopped !== volume) throw impossible;
  if (run.isCutOff(attachment)) return true;
  const place = backendOf(attachment.volume);
  const summary = summaryOf({ name: 'revokeAccess', about: `${host} to ${volume}` });
  let answer: 'revoked' | 'cannot';
  try {
    answer = await place.bind(run.limits, summary).revokeAccess({ attachment, properties });
  } catch (error) {
    throw failureOf(faultOf(error, 'revokeAccess', place.queue));
  }
  if (answer !== 'revoked') throw impossible;
  run.cutOff(attachment);
  return true;
}
