import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import type { Attachment, ConnectorProperties } from '../contract/attachment.ts';
import { describeError } from '../contract/errors.ts';
import type { Decision, DecisionKind } from '../contract/messages.ts';
import { formatVolume, type Undone } from '../contract/volume.ts';
import { now } from './clock.ts';
import { type Fault, failureOf, faultOf } from './faults.ts';
import { HandedOn, type OnFault } from './losses.ts';
import { backendOf, type Place } from './places.ts';
import type { Run } from './run.ts';
import type { UndoOutcome } from './undo.ts';

/** A person's decision to go on with another host: the way out of a step, not an error. */
export class MoveRequested extends Error {
  constructor(readonly host: string) {
    super(`move to ${host}`);
  }
}

export type StepNames = {
  /** For example `source.connectVolume`; what people decide about. */
  name: string;
  /** Volume or host, for the summary beside the activity in the UI, after the role. */
  about: string;
  /** Default: every fault is parked or fails. */
  onFault?: OnFault;
};

/** Stands beside the verb, so that it names only what the verb is done to. */
function summaryOf({ name, about }: Pick<StepNames, 'name' | 'about'>): string {
  const [role, verb] = name.split('.');
  return verb === undefined ? about : `${role} ${about}`;
}

async function park(
  run: Run,
  step: StepNames,
  fault: Fault,
  accepts: DecisionKind[],
): Promise<Decision> {
  const { code, message, whatToDo } = fault;
  return run.desk.park({ step: step.name, code, message, whatToDo, since: now(), accepts });
}

/**
 * A step that acquires or does something. Its errors end in one of three ways: what the user
 * asked for is impossible or we have a bug: thrown; retries could not finish it: parked until a
 * person decides; cancelled: thrown as cancellation, even if the worker died meanwhile.
 * Where a step `accepts` a `skip`, that answers undefined.
 */
export async function forward<A, T>(
  run: Run,
  place: Place<A>,
  step: StepNames & { accepts?: (fault: Fault) => DecisionKind[] },
  call: (activities: A) => Promise<T>,
): Promise<T | undefined> {
  for (;;) {
    try {
      return await call(place.bind(run.limits, summaryOf(step)));
    } catch (error) {
      const fault = faultOf(error, step.name, place.queue);
      // A step whose worker died under a cancel ends as a time-out, not as a cancellation.
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled');
      if (fault.code === 'Cancelled') throw error;
      const handling = step.onFault?.(fault) ?? 'park';
      if (handling === 'handOn') throw new HandedOn(fault);
      if (fault.class === 'user' || fault.class === 'bug') throw failureOf(fault);
      const accepts = step.accepts?.(fault) ?? ['retry', 'roll-back', 'move'];
      const decision = await park(run, step, fault, accepts);
      if (decision.decision === 'skip') return undefined;
      if (decision.decision === 'move') throw new MoveRequested(decision.host as string);
      if (decision.decision === 'roll-back') {
        throw failureOf(fault, `${fault.message}; rolled back by decision: ${decision.reason}`);
      }
      if (handling === 'parkThenHandOn') throw new HandedOn(fault);
    }
  }
}

/** As forward, for a step without which nothing goes on. */
export async function required<A, T>(
  run: Run,
  place: Place<A>,
  step: StepNames,
  call: (activities: A) => Promise<T>,
): Promise<T> {
  return (await forward(run, place, step, call)) as T;
}

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

/**
 * A step that takes something back. Whatever goes wrong is parked, never given up: `skip` ends
 * the volume's stack and lists what is held; `force` goes on only after the backend has revoked
 * the host's access, or with a person's statement that the host is powered off.
 */
export async function takeBack<A>(
  run: Run,
  place: Place<A>,
  step: StepNames,
  taken: Taken,
  call: (activities: A, force: boolean) => Promise<Undone>,
): Promise<UndoOutcome> {
  const host = taken.attachment.owner.hostId;
  let [revokes, revoked] = [false, false];
  for (;;) {
    if (taken.onHost && run.hostsOff.has(host)) {
      return { outcome: 'skipped', because: `host ${host} is off, by statement` };
    }
    let fault: Fault;
    try {
      // Asked before each attempt: this step may have been parked for days.
      const because = await run.whyStop?.();
      if (because !== undefined) return { outcome: 'skipped', because, stop: true };
      if (revokes) revoked = await revoke(run, taken);
      return { outcome: await call(place.bind(run.limits, summaryOf(step)), revoked) };
    } catch (error) {
      fault = faultOf(error, step.name, place.queue);
    }
    if (revoked && taken.onHost) {
      // The host can no longer reach the volume, so taking its export away harms nobody.
      return hold(run, taken, fault.message);
    }
    const skip = taken.skippable ? (['skip'] as const) : [];
    const accepts: DecisionKind[] = ['retry', ...skip, 'force'];
    const { decision, reason, hostIsOff } = await park(run, step, fault, accepts);
    if (decision === 'skip') {
      return { ...hold(run, taken, `skipped by decision: ${reason}`), stop: true };
    }
    revokes = decision === 'force' && hostIsOff !== true;
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
  const place = backendOf(attachment.volume);
  const summary = summaryOf({ name: 'revokeAccess', about: `${host} to ${volume}` });
  let answer: 'revoked' | 'cannot';
  try {
    answer = await place.bind(run.limits, summary).revokeAccess({ attachment, properties });
  } catch (error) {
    throw failureOf(faultOf(error, 'revokeAccess', place.queue));
  }
  if (answer === 'revoked') return true;
  throw impossible;
}
