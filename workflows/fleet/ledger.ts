import {
  CANARY_WAVE,
  type CopyOutcome,
  type FleetFailure,
  type FleetLimits,
  type FleetStatus,
  type PlannedVolume,
  VOLUME_STATES,
  type VolumeState,
} from '../../contract/fleet.ts';
import { copyWorkflowId } from '../../contract/ids.ts';
import { parseVolume, type VolumeRef } from '../../contract/volume.ts';
import { Load } from './load.ts';

/** A failure's sentence is cut here, and of more than these only the codes are kept. */
const MESSAGE_CHARACTERS = 200;
const MESSAGES = 500;

const LETTERS = new Map(
  Object.entries(VOLUME_STATES).map(([state, letter]) => [letter, state as VolumeState]),
);
const WAITS: readonly VolumeState[] = ['waiting', 'again'];
const OPEN: readonly VolumeState[] = ['running', 'parked'];
/** While a wave has one of these, the next one is not begun. A parked volume holds nobody up. */
const HOLDS: readonly VolumeState[] = [...WAITS, 'running'];

type Counts = FleetStatus['counts'];

/** What has become of each volume of a plan, by its place there. */
export class Ledger {
  readonly #states: VolumeState[];
  readonly #failures = new Map<number, FleetFailure>();
  readonly #places = new Map<string, number>();
  /** Waves in their order, and within them who goes first. */
  readonly #waves: [wave: number, places: number[]][];
  /** Running and parked ones. */
  readonly open = new Set<number>();
  readonly #adopted = new Set<number>();
  /** Counts copies that were taken over, so that whoever watches hears of them. */
  adoptions = 0;
  bytesDone = 0;

  constructor(
    readonly volumes: readonly PlannedVolume[],
    letters: string,
    failures: readonly FleetFailure[],
  ) {
    this.#states = volumes.map((_, place) => LETTERS.get(letters[place] as 'w') ?? 'waiting');
    for (const failure of failures) this.#failures.set(failure.volume, failure);
    const places = volumes.map((_, place) => place);
    const first = (a: number, b: number): number =>
      this.volume(a).priority - this.volume(b).priority || a - b;
    const waves = [...new Set(volumes.map(({ wave }) => wave))].sort((a, b) => a - b);
    this.#waves = waves.map((wave) => [
      wave,
      places.filter((place) => this.volume(place).wave === wave).sort(first),
    ]);
    for (const place of places) {
      this.#places.set(this.workflowId(place), place);
      if (this.#isOne(OPEN, place)) this.open.add(place);
      if (this.state(place) === 'done') this.bytesDone += this.volume(place).sizeBytes;
    }
    // Whoever began them before is not told to this run.
    for (const place of this.open) this.#adopted.add(place);
  }

  volume(place: number): PlannedVolume {
    return this.volumes[place] as PlannedVolume;
  }

  state(place: number): VolumeState {
    return this.#states[place] as VolumeState;
  }

  workflowId(place: number): string {
    return copyWorkflowId(parseVolume(this.volume(place).source) as VolumeRef);
  }

  placeOf(workflowId: string): number | undefined {
    return this.#places.get(workflowId);
  }

  /** Workflow ids of the copies in that state. */
  openIn(state: 'running' | 'parked'): string[] {
    const places = [...this.open].filter((place) => this.state(place) === state);
    return places.map((place) => this.workflowId(place));
  }

  /** Takes over a copy that is open; nobody but a look tells that it has ended. */
  adopt(place: number): void {
    this.#adopted.add(place);
    this.adoptions += 1;
    this.set(place, 'running');
  }

  isAdopted(place: number): boolean {
    return this.#adopted.has(place);
  }

  get isOver(): boolean {
    return this.open.size === 0 && this.wave === undefined;
  }

  /** Of those that wait or are at work. */
  get bytesLeft(): number {
    return this.volumes.reduce(
      (sum, { sizeBytes }, place) => (this.#isOne(HOLDS, place) ? sum + sizeBytes : sum),
      0,
    );
  }

  get letters(): string {
    return this.#states.map((state) => VOLUME_STATES[state]).join('');
  }

  get failures(): FleetFailure[] {
    return [...this.#failures.values()];
  }

  get counts(): Counts {
    const counts: Counts = { waiting: 0, running: 0, parked: 0, done: 0, failed: 0, cancelled: 0 };
    for (const state of this.#states) counts[state === 'again' ? 'waiting' : state] += 1;
    return counts;
  }

  /** The first wave that is not over; undefined once all are. */
  get wave(): number | undefined {
    return this.#waves.find(([, places]) => places.some((place) => this.#isOne(HOLDS, place)))?.[0];
  }

  get waves(): number[] {
    return this.#waves.map(([wave]) => wave);
  }

  /** Canaries that did not get through, once none is under way; undefined before. */
  get lostCanaries(): number | undefined {
    const [, canaries = []] = this.#waves.find(([wave]) => wave === CANARY_WAVE) ?? [];
    if (canaries.some((place) => this.#isOne(HOLDS, place))) return undefined;
    return canaries.filter((place) => this.state(place) !== 'done').length;
  }

  /** What may be begun now, in order. */
  next(limits: FleetLimits): number[] {
    const wave = this.wave;
    const [, places = []] = this.#waves.find(([number]) => number === wave) ?? [];
    const load = new Load(limits);
    for (const place of this.open) {
      if (this.state(place) === 'running') load.add(this.volume(place));
    }
    const next: number[] = [];
    for (const place of places) {
      if (load.isFull) break;
      const volume = this.volume(place);
      if (!this.#isOne(WAITS, place) || !load.fits(volume)) continue;
      load.add(volume);
      next.push(place);
    }
    return next;
  }

  set(place: number, state: VolumeState): void {
    this.#states[place] = state;
    if (OPEN.includes(state)) {
      this.open.add(place);
      return;
    }
    this.open.delete(place);
    this.#adopted.delete(place);
    if (state !== 'failed') this.#failures.delete(place);
    if (state === 'done') this.bytesDone += this.volume(place).sizeBytes;
  }

  settle(place: number, outcome: CopyOutcome): void {
    if (outcome.state === 'failed') {
      const { code, message } = outcome;
      const told = this.#failures.size < MESSAGES ? message.slice(0, MESSAGE_CHARACTERS) : '';
      this.#failures.set(place, { volume: place, code, message: told });
    }
    this.set(place, outcome.state);
  }

  /** Turns all of one state into another one, and tells how many those were. */
  turn(from: readonly VolumeState[], to: VolumeState): number {
    const places = this.#states.flatMap((state, place) => (from.includes(state) ? [place] : []));
    for (const place of places) this.set(place, to);
    return places.length;
  }

  #isOne(states: readonly VolumeState[], place: number): boolean {
    return states.includes(this.state(place));
  }
}
