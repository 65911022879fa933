import { type Decision, DECISIONS, type ParkedStep } from '../contract/messages.ts';

const SHAPE = 'a decision is an object such as { "step": "…", "decision": "retry", "reason": "…" }';

/** Of an Update, which can be refused. */
export const isHostName = (host: unknown): boolean => typeof host === 'string' && host !== '';

/**
 * What a form, a script or `dray` sent, which may be anything; or why it is no decision. Of a
 * Signal a host only has to be there: what was taken once is taken when its history is replayed.
 */
export function readDecision(
  input: unknown,
  isHost: (host: unknown) => boolean,
): Decision | string {
  if (typeof input !== 'object' || input === null) return SHAPE;
  const { step, decision, reason, host } = input as Partial<Decision>;
  if (typeof step !== 'string' || step === '') return `${SHAPE}; it names no step`;
  if (decision === undefined || !DECISIONS.includes(decision)) {
    return `it is none of ${DECISIONS.join(', ')}`;
  }
  if (typeof reason !== 'string' || !reason.trim()) return 'a reason is needed';
  if (decision === 'move' && !isHost(host)) return 'move needs a host';
  return input as Decision;
}

type Taken = Decision & { at: string };

/** Why a decision that can be read cannot be taken now; undefined when it can. */
export function refusal(
  { step, decision }: Decision,
  parked: readonly ParkedStep[],
  taken: readonly Taken[],
): string | undefined {
  const found = parked.find((each) => each.step === step);
  if (found !== undefined) {
    if (found.accepts.includes(decision)) return undefined;
    return `this step accepts ${found.accepts.join(', ')}`;
  }
  const last = taken.findLast((each) => each.step === step);
  if (last !== undefined) {
    return `it is not parked any more: ${last.decision} was decided at ${last.at} (${last.reason})`;
  }
  const others = parked.map((each) => each.step).join(', ');
  return `that step is not parked; ${others === '' ? 'none is' : `parked: ${others}`}`;
}
