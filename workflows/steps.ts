import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import type { CopyProgress, VerifyProgress } from '../contract/copy.ts';
import { STALL_ATTEMPTS, type TimeLimits } from '../contract/limits.ts';
import type { Decision, DecisionKind } from '../contract/messages.ts';
import { now, nowMs } from './clock.ts';
import { type Fault, failureOf, faultOf, heartbeatOf } from './faults.ts';
import { HandedOn, type OnFault } from './losses.ts';
import type { DataPlace, Place } from './places.ts';
import type { Run } from './run.ts';
import { hostFault, whileGone, whileThere } from './there.ts';

/** A person's decision to go on with another host: the way out of a step, not an error. */
export class MoveRequested extends Error {
  constructor(readonly host: string) {
    super(`move to ${host}`);
  }
}

/** As MoveRequested, from a host that is gone: by a decision, or to one that stands by. */
export class HostLost extends MoveRequested {
  /** How far a copy is known to have come there; missing before there is anything to copy. */
  copied?: { progress?: CopyProgress };

  constructor(
    host: string,
    readonly fault: Fault,
  ) {
    super(host);
  }
}

export type StepNames = {
  /** For example `source.connectVolume`; what people decide about. */
  name: string;
  /** Volume or host, for the summary beside the activity in the UI, after the role. */
  about: string;
  /** Default: every fault is parked or fails. */
  onFault?: OnFault;
  /** Of a data step: an attempt ended without an answer, and this was its last heartbeat. */
  onSilence?: (heartbeat: unknown) => void;
};

/** Stands beside the verb, so that it names only what the verb is done to. */
export function summaryOf({ name, about }: Pick<StepNames, 'name' | 'about'>): string {
  const [role, verb] = name.split('.');
  return verb === undefined ? about : `${role} ${about}`;
}

/** Waits until a person decides about a step. */
export async function park(
  run: Run,
  step: StepNames,
  fault: Fault,
  accepts: DecisionKind[],
): Promise<Decision> {
  const { code, message, whatToDo } = fault;
  return run.desk.park({ step: step.name, code, message, whatToDo, since: now(), accepts });
}

/**
 * Ends of a data step on a host that is there and yet gave no answer, as when its worker was
 * killed: borne as attempts are that fail, as long as there is a byte more or patience.
 */
class Silences {
  #count = 0;
  #bytes = 0;
  #since = 0;

  constructor(private readonly limits: TimeLimits) {}

  bear(heartbeat: unknown): boolean {
    const progress = (heartbeat ?? {}) as Partial<CopyProgress & VerifyProgress>;
    const bytes = progress.bytesCompared ?? progress.bytesFlushed ?? 0;
    if (this.#count === 0 || bytes > this.#bytes) [this.#count, this.#since] = [0, nowMs()];
    this.#bytes = bytes;
    this.#count += 1;
    const isPatient = nowMs() - this.#since < this.limits.patienceSeconds * 1000;
    if (this.#count < STALL_ATTEMPTS || isPatient) return true;
    this.#count = 0;
    return false;
  }
}

/**
 * A step that acquires or does something. Its errors end in one of four ways: what the user
 * asked for is impossible or we have a bug: thrown; retries could not finish it: parked until a
 * person decides; its host is gone: left for one that stands by, else parked until a person decides
 * or it is back; cancelled: thrown as cancellation, even if the worker died meanwhile. Where a step
 * `accepts` a `skip`, that answers undefined.
 */
export async function forward<A, T>(
  run: Run,
  place: Place<A> | DataPlace<A>,
  step: StepNames & { accepts?: (fault: Fault) => DecisionKind[] },
  call: (activities: A) => Promise<T>,
): Promise<T | undefined> {
  const silences = new Silences(run.limits);
  for (;;) {
    try {
      const act = (): Promise<T> => call(place.bind(run.limits, summaryOf(step)));
      return await ('isData' in place ? whileThere(run, place.host, act) : act());
    } catch (error) {
      // A step whose worker died under a cancel ends as a time-out, not as a cancellation.
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled');
      const heartbeat = heartbeatOf(error);
      if (heartbeat !== undefined) step.onSilence?.(heartbeat);
      const fault = await hostFault(run, place, faultOf(error, step.name, place.queue));
      if (fault.code === 'Cancelled') throw error;
      const isSilent = fault.code === 'StepTimedOut' && 'isData' in place;
      if (isSilent && silences.bear(heartbeat)) continue;
      const handling = step.onFault?.(fault) ?? 'park';
      if (handling === 'handOn') throw new HandedOn(fault);
      if (fault.class === 'user' || fault.class === 'bug') throw failureOf(fault);
      const accepts = step.accepts?.(fault) ?? ['retry', 'roll-back', 'move'];
      const isGone = fault.code === 'HostGone' && place.host !== undefined;
      const standby = isGone && accepts.includes('move') ? run.nextHost() : undefined;
      if (standby !== undefined) throw new HostLost(standby, fault);
      const decide = (): Promise<Decision> => park(run, step, fault, accepts);
      const decided = isGone ? await whileGone(place.host as string, decide) : await decide();
      if (decided === undefined) continue;
      const { decision, host, reason } = decided;
      if (decision === 'skip') return undefined;
      if (decision === 'move') {
        throw isGone ? new HostLost(host as string, fault) : new MoveRequested(host as string);
      }
      if (decision === 'roll-back') {
        throw failureOf(fault, `${fault.message}; rolled back by decision: ${reason}`);
      }
      if (handling === 'parkThenHandOn') throw new HandedOn(fault);
    }
  }
}

/** As forward, for a step without which nothing goes on. */
export async function required<A, T>(
  run: Run,
  place: Place<A> | DataPlace<A>,
  step: StepNames,
  call: (activities: A) => Promise<T>,
): Promise<T> {
  return (await forward(run, place, step, call)) as T;
}
