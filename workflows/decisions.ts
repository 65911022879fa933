import {
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
} from '@temporalio/workflow';
import { describeError } from '../contract/errors.ts';
import {
  type CopyStatus,
  DECIDE_SIGNAL,
  DECIDE_UPDATE,
  type Decision,
  DECISIONS,
  type ParkedStep,
  STATUS_QUERY,
} from '../contract/messages.ts';
import { now } from './clock.ts';
import { failureOf } from './faults.ts';

export const decideUpdate = defineUpdate<ParkedStep, [Decision]>(DECIDE_UPDATE);
export const decideSignal = defineSignal<[Decision]>(DECIDE_SIGNAL);

type Waiting = { parked: ParkedStep; decision?: Decision };

/** Why a decision cannot be taken now; undefined when it can. */
function refusal(waiting: Waiting | undefined, decision: Decision): string | undefined {
  if (waiting === undefined) return 'that step is not parked';
  if (waiting.decision !== undefined) return 'it has been decided already';
  if (!DECISIONS.includes(decision.decision)) return `it is none of ${DECISIONS.join(', ')}`;
  if (!waiting.parked.accepts.includes(decision.decision)) {
    return `this step accepts ${waiting.parked.accepts.join(', ')}`;
  }
  if (!decision.reason.trim()) return 'a reason is needed';
  if (decision.decision === 'move' && !decision.host) return 'move needs a host';
  return undefined;
}

/**
 * The desk where steps wait that automatic retries could not finish, and where people decide.
 * One for each workflow execution; it holds the two kinds of message and the query.
 */
export class DecisionDesk {
  readonly #waiting = new Map<string, Waiting>();
  readonly taken: (Decision & { at: string })[] = [];
  readonly #onChange: () => void;

  constructor(status: () => CopyStatus, onChange: () => void) {
    this.#onChange = onChange;
    setHandler(
      decideUpdate,
      (decision) => {
        const { parked } = this.#waiting.get(decision.step) as Waiting;
        this.#take(decision);
        return parked;
      },
      {
        description: 'Decide what happens to a parked step; answers what was decided',
        validator: (decision: Decision) => {
          const because = refusal(this.#waiting.get(decision.step), decision);
          if (because !== undefined) throw refused(decision, because);
        },
      },
    );
    setHandler(
      decideSignal,
      (decision) => {
        // A signal has no answer: what cannot be taken is left out, and the step stays parked.
        if (refusal(this.#waiting.get(decision.step), decision) === undefined) this.#take(decision);
      },
      { description: 'As the Update decide, for the Temporal UI; a refused one changes nothing' },
    );
    setHandler(defineQuery<CopyStatus>(STATUS_QUERY), status, {
      description: 'Phase, parked steps and the decisions so far',
    });
  }

  get parked(): ParkedStep[] {
    return [...this.#waiting.values()].map((waiting) => waiting.parked);
  }

  /** Waits for a person, for ever if need be; it costs nothing. Cancelled with its scope. */
  async park(parked: ParkedStep): Promise<Decision> {
    const waiting: Waiting = { parked };
    this.#waiting.set(parked.step, waiting);
    this.#onChange();
    try {
      await condition(() => waiting.decision !== undefined);
      return waiting.decision as Decision;
    } finally {
      this.#waiting.delete(parked.step);
      this.#onChange();
    }
  }

  #take(decision: Decision): void {
    (this.#waiting.get(decision.step) as Waiting).decision = decision;
    this.taken.push({ ...decision, at: now() });
  }
}

function refused({ decision, step }: Decision, because: string): Error {
  return failureOf(describeError('DecisionRefused', { decision, step, because }));
}
