import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { describeError } from '../contract/errors.ts';
import type {
  CopyOutcome,
  FleetInput,
  FleetState,
  FleetStatus,
  FleetUpdate,
  FoundCopy,
  Watched,
} from '../contract/fleet.ts';
import { unpackVolumes } from '../contract/fleet-volumes.ts';
import { searchAttributes } from '../contract/search-attributes.ts';
import { nowMs } from './clock.ts';
import { answersOf, type Told } from './fleet/answers.ts';
import { cancelCopy, outcomeOf, startCopy } from './fleet/copies.ts';
import { openDesk } from './fleet/desk.ts';
import { renderDetails } from './fleet/details.ts';
import { RECENT } from './fleet/eta.ts';
import { Ledger } from './fleet/ledger.ts';
import { lookAtCopies } from './fleet/look.ts';
import { type Known, phaseOf, stateOf, statusOf } from './fleet/status.ts';
import { whyStop } from './fleet/stop-rule.ts';
import { keepWatch, keepWindows } from './fleet/watch.ts';
import { Wishes } from './fleet/wishes.ts';

/** With this many events a run hands over to the next one. */
const LONG_HISTORY = 2_000;

/**
 * One fleet. All it decides is which volume goes next: how many at once on a host is said by the
 * slots of its worker, who goes first there by Temporal's priorities, and a copy goes its own way,
 * with or without its fleet.
 */
class Fleet {
  readonly #known: Known;
  readonly #told: Told;
  #shown = '';

  constructor(private readonly input: FleetInput) {
    const { order, volumes, state } = input;
    const { letters = '', failures = [] } = state ?? {};
    const ledger = new Ledger(unpackVolumes(volumes), letters, failures);
    const wishes = new Wishes(order, state);
    this.#known = { order, ledger, wishes, window: { open: order.windows.length === 0 } };
    this.#told = answersOf(ledger, wishes);
    openDesk(order.name, {
      told: this.#told,
      refusal: (update) => this.#refusal(update),
      status: () => statusOf(this.#known),
      onTold: () => this.#show(),
    });
  }

  /** Somebody cancelled it in Temporal's own way. */
  cancel(): void {
    this.#told.cancel({ reason: 'cancelled in Temporal' });
    this.#show();
  }

  get #ledger(): Ledger {
    return this.#known.ledger;
  }

  get #wishes(): Wishes {
    return this.#known.wishes;
  }

  get #canBegin(): boolean {
    const isRunning = phaseOf(this.#known) === 'running';
    return isRunning && this.#ledger.next(this.#wishes.kept.limits).length > 0;
  }

  /** Until nothing is left to do. */
  async run(): Promise<FleetStatus> {
    const { order } = this.#known;
    void keepWatch(order.name, this.#ledger, (watched) => this.#hear(watched));
    void keepWindows(order, (window) => {
      this.#known.window = window;
      this.#show();
    });
    for (;;) {
      this.#show();
      await condition(() => this.#ledger.isOver || this.#canBegin || this.#isLong);
      if (this.#ledger.isOver) break;
      if (this.#isLong) await this.#handOver();
      await this.#begin();
    }
    this.#show();
    await condition(allHandlersFinished);
    return statusOf(this.#known);
  }

  get #isLong(): boolean {
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    return historyLength >= LONG_HISTORY || continueAsNewSuggested;
  }

  async #handOver(): Promise<never> {
    await condition(allHandlersFinished);
    return continueAsNew<typeof fleet>({ ...this.input, state: stateOf(this.#known) });
  }

  /** Begins what may be begun; what is open or done already is taken over as it is. */
  async #begin(): Promise<void> {
    const places = this.#ledger.next(this.#wishes.kept.limits);
    const asked = places.map((place) => {
      const { destination } = this.#ledger.volume(place);
      return { workflowId: this.#ledger.workflowId(place), destination };
    });
    const { id: planId, madeAt } = this.#known.order;
    const found = await lookAtCopies({ planId, madeAt, copies: asked });
    // People may have told it otherwise while it looked.
    if (phaseOf(this.#known) !== 'running') return;
    await Promise.all(places.map((place, i) => this.#beginOne(place, found[i] as FoundCopy)));
  }

  async #beginOne(place: number, found: FoundCopy): Promise<void> {
    const volume = this.#ledger.volume(place);
    if (found.state === 'running') {
      if (found.destination === volume.destination) {
        this.#ledger.adopt(place);
        return;
      }
      const { source, destination } = volume;
      const workflowId = this.#ledger.workflowId(place);
      const { code, message } = describeError('CopyRunning', { volume: source, workflowId });
      const where = `${message}, onto ${found.destination} and not ${destination}`;
      this.#settle(place, { state: 'failed', code, message: where });
      return;
    }
    const isAgain = this.#ledger.state(place) === 'again';
    if (found.state === 'ended' && found.ofPlan && !(isAgain && found.outcome.state !== 'done')) {
      this.#settle(place, found.outcome);
      return;
    }
    const before = this.#ledger.state(place);
    this.#ledger.set(place, 'running');
    const copy = await startCopy(this.input, volume);
    // Somebody was faster: it is looked at again.
    if (copy === undefined) {
      const isCancelled = this.#wishes.kept.cancelled !== undefined;
      this.#ledger.set(place, isCancelled ? 'cancelled' : before);
      return;
    }
    void copy.result().then(
      () => this.#settle(place, { state: 'done' }),
      (error: unknown) => this.#settle(place, outcomeOf(error)),
    );
    const { cancelled } = this.#wishes.kept;
    if (cancelled?.leaveRunning === false) await cancelCopy(copy.workflowId);
  }

  /** Once: an end may be told by Temporal and seen by the watch. */
  #settle(place: number, outcome: CopyOutcome): void {
    const before = this.#ledger.state(place);
    if (['done', 'failed', 'cancelled'].includes(before)) return;
    this.#ledger.settle(place, outcome);
    // What was done before says nothing of the pace.
    if (outcome.state === 'done' && before === 'running') this.#keepPace(place);
    this.#judge();
  }

  #keepPace(place: number): void {
    const { sizeBytes } = this.#ledger.volume(place);
    const recent: FleetState['recent'] = [...this.#wishes.kept.recent, [nowMs(), sizeBytes]];
    this.#wishes.keepPace(recent.slice(-RECENT));
  }

  /** Whether what has happened stops it. */
  #judge(): void {
    const { stopped, forgiven, canaryPassed, cancelled } = this.#wishes.kept;
    if (stopped === undefined && cancelled === undefined && !this.#ledger.isOver) {
      const lost = canaryPassed ? 0 : this.#ledger.lostCanaries;
      if (lost === 0) this.#wishes.passCanary();
      const because =
        lost !== undefined && lost > 0
          ? `${lost} of the canaries are not done`
          : whyStop(this.#known.order.stop, this.#ledger.counts, forgiven);
      if (because !== undefined) this.#wishes.stop(because);
    }
    this.#show();
  }

  #hear({ ended, parked }: Watched): void {
    for (const [workflowId, outcome] of ended) {
      const place = this.#ledger.placeOf(workflowId);
      if (place !== undefined && this.#ledger.open.has(place)) this.#settle(place, outcome);
    }
    for (const place of this.#ledger.open) {
      const isParked = parked.includes(this.#ledger.workflowId(place));
      this.#ledger.set(place, isParked ? 'parked' : 'running');
    }
    this.#judge();
  }

  /** Too late, or nothing to do it with. */
  #refusal(update: FleetUpdate): string | undefined {
    if (this.#ledger.isOver) return 'it is over';
    const isCancelled = this.#wishes.kept.cancelled !== undefined;
    return isCancelled && update !== 'cancel' ? 'it is cancelled' : undefined;
  }

  /** Lists hear of a change alone: each is an event. */
  #show(): void {
    const phase = phaseOf(this.#known);
    const { parked } = this.#ledger.counts;
    const needsDecision = phase === 'stopped' || parked > 0;
    if (this.#shown !== `${phase} ${needsDecision}`) {
      this.#shown = `${phase} ${needsDecision}`;
      upsertSearchAttributes([
        { key: searchAttributes.phase, value: phase },
        { key: searchAttributes.needsDecision, value: needsDecision },
      ]);
    }
    setCurrentDetails(renderDetails(statusOf(this.#known)));
  }
}

/**
 * Copies many volumes by a plan. Cancel it to begin no more and to cancel what is at work; after a
 * terminate or a reset it takes over what is at work or done.
 */
export async function fleet(input: FleetInput): Promise<FleetStatus> {
  const running = new Fleet(input);
  CancellationScope.current().cancelRequested.catch(() =>
    // What it asks of others must not be cancelled with it.
    CancellationScope.nonCancellable(() => {
      running.cancel();
      return Promise.resolve();
    }),
  );
  return CancellationScope.nonCancellable(() => running.run());
}
