import type {
  CancelRequest,
  FleetLimits,
  FleetOrder,
  FleetRequest,
  FleetState,
} from '../../contract/fleet.ts';
import { now } from '../clock.ts';

/** Older ones are in the history of earlier runs. */
const CHANGES = 100;

type Kept = Omit<FleetState, 'letters' | 'failures'>;

/** What people want of a fleet, and what stopped it. */
export class Wishes {
  readonly #kept: Kept;

  constructor({ limits }: FleetOrder, state: FleetState | undefined) {
    const fresh: Kept = {
      startedAt: now(),
      limits,
      forgiven: { failures: 0, ended: 0 },
      canaryPassed: false,
      changes: [],
      recent: [],
    };
    this.#kept = { ...(state ?? fresh) };
  }

  get kept(): Readonly<Kept> {
    return this.#kept;
  }

  note(change: string, { reason }: FleetRequest = {}): void {
    const entry = { at: now(), change, ...(reason === undefined ? {} : { reason }) };
    this.#kept.changes = [...this.#kept.changes, entry].slice(-CHANGES);
  }

  pause(request: FleetRequest): void {
    const { reason } = request;
    this.#kept.paused = { since: now(), ...(reason === undefined ? {} : { reason }) };
    this.note('paused', request);
  }

  /** `troubles` do not stop it again. */
  resume(request: FleetRequest, troubles: FleetState['forgiven'], canaryPassed: boolean): void {
    delete this.#kept.paused;
    delete this.#kept.stopped;
    this.#kept.forgiven = troubles;
    this.#kept.canaryPassed ||= canaryPassed;
    // A pace from before says nothing of what comes.
    this.#kept.recent = [];
    this.note('resumed', request);
  }

  resize(limits: FleetLimits, change: string, request: FleetRequest): void {
    this.#kept.limits = limits;
    this.note(change, request);
  }

  stop(because: string): void {
    this.#kept.stopped = { since: now(), because };
    this.note(`stopped: ${because}`);
  }

  cancel(request: CancelRequest): void {
    const { reason, leaveRunning = false } = request;
    const because = reason === undefined ? {} : { reason };
    this.#kept.cancelled = { since: now(), leaveRunning, ...because };
    this.note(leaveRunning ? 'cancelled, what runs goes on' : 'cancelled', request);
  }

  passCanary(): void {
    this.#kept.canaryPassed = true;
  }

  keepPace(recent: FleetState['recent']): void {
    this.#kept.recent = recent;
  }
}
