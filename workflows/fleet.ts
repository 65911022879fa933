import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  setCurrentDetails,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type CancelRequest,
  type FleetAnswer,
  type FleetInput,
  type FleetOrder,
  type FleetPhase,
  type FleetState,
  type FleetStatus,
  type FleetUpdate,
  type FoundCopy,
  type Watched,
} from '../contract/fleet.ts';
import { unpackVolumes } from '../contract/fleet-volumes.ts';
import { describeError } from '../contract/errors.ts';
import { searchAttributes } from '../contract/search-attributes.ts';
import { msUntil, nowMs } from './clock.ts';
import { cancelCopy, outcomeOf, startCopy } from './fleet/copies.ts';
import { openDesk, resized, type Told } from './fleet/desk.ts';
import { renderDetails } from './fleet/details.ts';
import { etaSeconds, RECENT } from './fleet/eta.ts';
import { Ledger } from './fleet/ledger.ts';
import { lookAtCopies, watchCopies, windowAt } from './fleet/look.ts';
import { troublesOf, whyStop } from './fleet/stop-rule.ts';
import { Wishes } from './fleet/wishes.ts';

/** With this many events a run hands over to the next one. */
const LONG_HISTORY = 2_000;
/** Of more the report tells. */
const FAILURES_SHOWN = 20;
/** Windows are looked at again at least so often. */
const WINDOW_MILLISECONDS = 3_600_000;

/**
 * One fleet. All it decides is which volume goes next: how many at once on a host is said by the
 * slots of its worker, who goes first there by Temporal's priorities, and a copy goes its own way,
 * with or without its fleet.
 */
class Fleet {
  readonly #order: FleetOrder;
  readonly #ledger: Ledger;
  readonly #wishes: Wishes;
  #window: { open: boolean; opensAt?: string };
  /** Counts copies that were taken over, so that whoever watches hears of them. */
  #adoptions = 0;
  #shown = '';

  constructor(private readonly input: FleetInput) {
    const { order, volumes, state } = input;
    this.#order = order;
    this.#ledger = new Ledger(unpackVolumes(volumes), state?.letters ?? '', state?.failures ?? []);
    this.#wishes = new Wishes(order, state);
    this.#window = { open: order.windows.length === 0 };
    openDesk(
      order.name,
      this.#told,
      (update) => this.#refusal(update),
      () => this.status,
    );
  }

  get state(): FleetState {
    const { letters, failures } = this.#ledger;
    return { ...this.#wishes.kept, letters, failures };
  }

  get #phase(): FleetPhase {
    const { cancelled, stopped, paused } = this.#wishes.kept;
    if (this.#isOver) return 'done';
    if (cancelled !== undefined) return 'cancelling';
    if (stopped !== undefined) return 'stopped';
    if (paused !== undefined) return 'paused';
    return this.#window.open ? 'running' : 'outside-window';
  }

  get #isOver(): boolean {
    return this.#ledger.wave === undefined && this.#ledger.open.size === 0;
  }

  get #canBegin(): boolean {
    return this.#phase === 'running' && this.#ledger.next(this.#wishes.kept.limits).length > 0;
  }

  get status(): FleetStatus {
    const { counts, volumes, open, wave, waves, bytesDone, failures } = this.#ledger;
    const phase = this.#phase;
    const openIn = (state: 'running' | 'parked'): string[] =>
      [...open]
        .filter((place) => this.#ledger.state(place) === state)
        .map((place) => this.#ledger.workflowId(place));
    const eta = phase === 'running' ? this.#eta(counts) : undefined;
    const { opensAt } = this.#window;
    return {
      name: this.#order.name,
      planId: this.#order.id,
      ...{ phase, counts, bytesDone },
      volumes: volumes.length,
      bytesTotal: volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      wave: wave ?? waves.at(-1) ?? 0,
      lastWave: waves.at(-1) ?? 0,
      ...(eta === undefined ? {} : { etaSeconds: eta }),
      ...(opensAt === undefined ? {} : { opensAt }),
      running: openIn('running'),
      parked: openIn('parked'),
      failed: failures.slice(0, FAILURES_SHOWN).map(({ volume, code, message }) => {
        return { workflowId: this.#ledger.workflowId(volume), code, message };
      }),
      state: this.state,
    };
  }

  #eta({ waiting, running }: FleetStatus['counts']): number | undefined {
    let bytes = 0;
    for (const [place, { sizeBytes }] of this.#ledger.volumes.entries()) {
      if (['waiting', 'again', 'running'].includes(this.#ledger.state(place))) bytes += sizeBytes;
    }
    return etaSeconds(this.#wishes.kept.recent, { volumes: waiting + running, bytes });
  }

  /** Until nothing is left to do. */
  async run(): Promise<FleetStatus> {
    void this.#watch();
    void this.#keepWindows();
    for (;;) {
      this.#show();
      await condition(() => this.#isOver || this.#canBegin || this.#isLong);
      if (this.#isOver) break;
      if (this.#isLong) await this.#handOver();
      await this.#begin();
    }
    this.#show();
    await condition(allHandlersFinished);
    return this.status;
  }

  get #isLong(): boolean {
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    return historyLength >= LONG_HISTORY || continueAsNewSuggested;
  }

  async #handOver(): Promise<never> {
    await condition(allHandlersFinished);
    return continueAsNew<typeof fleet>({ ...this.input, state: this.state });
  }

  /** Begins what may be begun; what is open or done already is taken over as it is. */
  async #begin(): Promise<void> {
    const places = this.#ledger.next(this.#wishes.kept.limits);
    const asked = places.map((place) => {
      const { destination } = this.#ledger.volume(place);
      return { workflowId: this.#ledger.workflowId(place), destination };
    });
    const { id: planId, madeAt } = this.#order;
    const found = await lookAtCopies({ planId, madeAt, copies: asked });
    // People may have told it otherwise while it looked.
    if (this.#phase !== 'running') return;
    await Promise.all(places.map((place, i) => this.#beginOne(place, found[i] as FoundCopy)));
  }

  async #beginOne(place: number, found: FoundCopy): Promise<void> {
    const volume = this.#ledger.volume(place);
    if (found.state === 'running') {
      if (found.destination === volume.destination) {
        this.#adopt(place);
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

  #adopt(place: number): void {
    this.#ledger.adopted.add(place);
    this.#ledger.set(place, 'running');
    this.#adoptions += 1;
  }

  /** Once: an end may be told by Temporal and seen by the watch. */
  #settle(place: number, outcome: Parameters<Ledger['settle']>[1]): void {
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
    if (stopped === undefined && cancelled === undefined && !this.#isOver) {
      const lost = canaryPassed ? 0 : this.#ledger.lostCanaries;
      if (lost === 0) this.#wishes.passCanary();
      const because =
        lost !== undefined && lost > 0
          ? `${lost} of the canaries are not done`
          : whyStop(this.#order.stop, this.#ledger.counts, forgiven);
      if (because !== undefined) this.#wishes.stop(because);
    }
    this.#show();
  }

  /** Sees which copies park, and the end of those that tell nobody: of an earlier run. */
  async #watch(): Promise<never> {
    for (;;) {
      await condition(() => this.#ledger.open.size > 0);
      const adoptions = this.#adoptions;
      const { open, adopted } = this.#ledger;
      const copies = [...open].map((place) => ({
        workflowId: this.#ledger.workflowId(place),
        own: !adopted.has(place),
      }));
      const scope = new CancellationScope();
      const watched = await scope.run(() =>
        Promise.race([
          watchCopies({ fleet: this.#order.name, copies, parked: this.status.parked }),
          condition(() => this.#adoptions !== adoptions).then(() => undefined),
        ]),
      );
      scope.cancel();
      if (watched !== undefined) this.#hear(watched);
    }
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

  async #keepWindows(): Promise<void> {
    const { windows, timeZone } = this.#order;
    while (windows.length > 0) {
      const { open, changesAt } = await windowAt({ windows, timeZone, at: nowMs() });
      this.#window = { open, ...(open ? {} : { opensAt: changesAt }) };
      this.#show();
      // Clocks may be put forward or back in between.
      await sleep(Math.min(msUntil(changesAt), WINDOW_MILLISECONDS));
    }
  }

  /** Too late, or nothing to do it with. */
  #refusal(update: FleetUpdate): string | undefined {
    if (this.#isOver) return 'it is over';
    const isCancelled = this.#wishes.kept.cancelled !== undefined;
    return isCancelled && update !== 'cancel' ? 'it is cancelled' : undefined;
  }

  #answer(changed: boolean, said: string): FleetAnswer {
    this.#show();
    return { changed, said, phase: this.#phase };
  }

  cancel(request: CancelRequest): FleetAnswer {
    const { leaveRunning = false } = request;
    const before = this.#wishes.kept.cancelled;
    if (before !== undefined && (leaveRunning || !before.leaveRunning)) {
      return this.#answer(false, `was cancelled already, at ${before.since}`);
    }
    this.#wishes.cancel(request);
    const waiting = this.#ledger.turn(['waiting', 'again'], 'cancelled');
    const open = leaveRunning ? [] : [...this.#ledger.open];
    for (const place of open) void cancelCopy(this.#ledger.workflowId(place));
    const left = leaveRunning ? 'those at work go on' : `${open.length} at work are cancelled`;
    return this.#answer(true, `is cancelled: ${waiting} volumes are not begun, ${left}`);
  }

  readonly #told: Told = {
    pause: (request) => {
      const { paused } = this.#wishes.kept;
      if (paused !== undefined)
        return this.#answer(false, `was paused already, at ${paused.since}`);
      this.#wishes.pause(request);
      return this.#answer(true, 'is paused: no more volumes are begun');
    },
    resume: (request) => {
      const { paused, stopped } = this.#wishes.kept;
      if (paused === undefined && stopped === undefined) {
        return this.#answer(false, 'was neither paused nor stopped');
      }
      const troubles = troublesOf(this.#ledger.counts);
      this.#wishes.resume(request, troubles, this.#ledger.lostCanaries !== undefined);
      return this.#answer(true, 'goes on');
    },
    resize: (request) => {
      const limits = resized(this.#wishes.kept.limits, request.limits);
      const named = Object.entries(limits).map(([name, limit]) => `${name} ${limit}`);
      this.#wishes.resize(limits, `at once: ${named.join(', ')}`, request);
      return this.#answer(true, `has at once: ${named.join(', ')}`);
    },
    cancel: (request) => this.cancel(request),
    retry: (request) => {
      const states =
        request.cancelled === true ? (['failed', 'cancelled'] as const) : ['failed' as const];
      const again = this.#ledger.turn(states, 'again');
      if (again === 0) return this.#answer(false, 'has nothing to begin again');
      this.#wishes.note(`${again} volumes begin again`, request);
      return this.#answer(true, `begins ${again} volumes again`);
    },
  };

  /** Lists hear of a change alone: each is an event. */
  #show(): void {
    const phase = this.#phase;
    const { parked } = this.#ledger.counts;
    const needsDecision = phase === 'stopped' || parked > 0;
    if (this.#shown !== `${phase} ${needsDecision}`) {
      this.#shown = `${phase} ${needsDecision}`;
      upsertSearchAttributes([
        { key: searchAttributes.phase, value: phase },
        { key: searchAttributes.needsDecision, value: needsDecision },
      ]);
    }
    setCurrentDetails(renderDetails(this.status));
  }
}

/**
 * Copies many volumes by a plan. Cancel it to begin no more and to cancel what is at work; after a
 * terminate or a reset it takes over what is at work or done.
 */
export async function fleet(input: FleetInput): Promise<FleetStatus> {
  const running = new Fleet(input);
  // Whoever cancels it in Temporal's own way gets the same, also for what that asks of others.
  const cancel = (): unknown => running.cancel({ reason: 'cancelled in Temporal' });
  CancellationScope.current().cancelRequested.catch(() =>
    CancellationScope.nonCancellable(() => Promise.resolve(cancel())),
  );
  return CancellationScope.nonCancellable(() => running.run());
}
