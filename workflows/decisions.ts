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
  type ParkedStep,
  type Taken,
  STATUS_QUERY,
} from '../contract/messages.ts';
import { now } from './clock.ts';
import { failureOf } from './faults.ts';
import { isHostName, readDecision, refusal } from './read-decision.ts';

export const decideUpdate = defineUpdate<ParkedStep, [Decision]>(DECIDE_UPDATE);
export const decideSignal = defineSignal<[Decision]>(DECIDE_SIGNAL);

type Waiting = { parked: ParkedStep; decision?: Decision };

/**
 * The desk where steps wait that automatic retries could not finish, and where people decide.
 * One for each workflow execution; it holds the two kinds of message and the query.
 */
export class DecisionDesk {
  readonly #waiting = new Map<string, Waiting>();
  readonly taken: Taken[] = [];
  #refused: CopyStatus['refused'];
  readonly #onChange: () => void;

  /** `onRefused`: a Signal was not taken, which nobody but the reader of the details is told. */
  constructor(status: () => CopyStatus, onChange: () => void, onRefused: () => void) {
    this.#onChange = onChange;
    setHandler(decideUpdate, (decision) => this.#take(decision), {
      description: 'Decide what happens to a parked step; answers what was decided',
      validator: (input: unknown) => {
        const read = this.#read(input, isHostName);
        if (typeof read === 'string') throw refusedError(input, read);
      },
    });
    setHandler(
      decideSignal,
      (input) => {
        const read = this.#read(input, Boolean);
        this.#refused = typeof read === 'string' ? { at: now(), because: read } : undefined;
        if (typeof read === 'string') onRefused();
        else this.#take(read);
      },
      {
        description: 'As the Update decide; a refused one changes nothing, and the details say so',
      },
    );
    setHandler(defineQuery<CopyStatus>(STATUS_QUERY), status, {
      description: 'Phase, parked steps and the decisions so far',
    });
  }

  get parked(): ParkedStep[] {
    return [...this.#waiting.values()].map((waiting) => waiting.parked);
  }

  get refused(): CopyStatus['refused'] {
    return this.#refused;
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

  /** The last decision about a step. */
  lastOf(step: string): Taken | undefined {
    return this.taken.findLast((decision) => decision.step === step);
  }

  /** A decision that can be taken now, or why it cannot. */
  #read(input: unknown, isHost: (host: unknown) => boolean): Decision | string {
    const read = readDecision(input, isHost);
    if (typeof read === 'string') return read;
    const undecided = [...this.#waiting.values()].filter(({ decision }) => decision === undefined);
    const steps = undecided.map(({ parked }) => parked);
    return refusal(read, steps, this.taken) ?? read;
  }

  #take(decision: Decision): ParkedStep {
    const waiting = this.#waiting.get(decision.step) as Waiting;
    waiting.decision = decision;
    const { code, message } = waiting.parked;
    this.taken.push({ ...decision, because: `${code}: ${message}`, at: now() });
    return waiting.parked;
  }
}

function refusedError(input: unknown, because: string): Error {
  const { decision = '?', step = '?' } = (input ?? {}) as Partial<Decision>;
  return failureOf(describeError('DecisionRefused', { decision, step, because }));
}
