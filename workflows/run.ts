import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { Held } from '../contract/copy.ts';
import type { TimeLimits } from '../contract/limits.ts';
import type { CopyStatus, Phase } from '../contract/messages.ts';
import { searchAttributes } from '../contract/search-attributes.ts';
import { now } from './clock.ts';
import { ControlDesk } from './control.ts';
import { DecisionDesk } from './decisions.ts';
import { renderDetails } from './details.ts';
import type { Fault } from './faults.ts';
import { UndoStack } from './undo.ts';

/** What one execution carries from step to step: state of the execution, never of the module. */
export class Run {
  readonly undo = new UndoStack();
  readonly held: Held[] = [];
  readonly desk: DecisionDesk;
  readonly control: ControlDesk;
  /** Hosts of which a person has said that they are powered off. */
  readonly hostsOff = new Set<string>();
  /** When each phase began. */
  readonly phases: { phase: Phase; at: string }[] = [];
  #phase: Phase = 'preparing';
  #failure: Fault | undefined;

  constructor(
    readonly title: string,
    readonly limits: TimeLimits,
    public host: string,
    /** Whether there is a copier that people may steer. */
    copies = false,
  ) {
    this.desk = new DecisionDesk(
      () => this.status,
      () => this.#show(),
    );
    this.control = new ControlDesk(
      copies,
      () => this.#phase,
      () => this.#show(),
    );
  }

  get status(): CopyStatus {
    return {
      phase: this.#phase,
      host: this.host,
      parked: this.desk.parked,
      decisions: this.desk.taken,
      held: this.held,
      control: this.control.current,
      controlChanges: this.control.changes,
      ...(this.control.paused === undefined ? {} : { paused: this.control.paused }),
      ...(this.#failure === undefined
        ? {}
        : { failure: { code: this.#failure.code, message: this.#failure.message } }),
    };
  }

  enter(phase: Phase, failure = this.#failure): void {
    this.#phase = phase;
    this.#failure = failure;
    this.phases.push({ phase, at: now() });
    this.#show();
  }

  /** Search attributes are for lists, details for who looks at one run. */
  #show(): void {
    upsertSearchAttributes([
      { key: searchAttributes.phase, value: this.#phase },
      { key: searchAttributes.host, value: this.host },
      { key: searchAttributes.needsDecision, value: this.desk.parked.length > 0 },
    ]);
    setCurrentDetails(renderDetails(this.title, this.status));
  }
}
