import { condition, defineUpdate, setHandler } from '@temporalio/workflow';
import {
  type ControlAnswer,
  type ControlChange,
  type CopyControl,
  PAUSE_UPDATE,
  type PausedStatus,
  type PauseRequest,
  RESUME_UPDATE,
  type ResumeRequest,
  THROTTLE_UPDATE,
  type ThrottleRequest,
} from '../contract/control.ts';
import type { CopyProgress } from '../contract/copy.ts';
import { describeError } from '../contract/errors.ts';
import type { Phase } from '../contract/messages.ts';
import { now } from './clock.ts';
import { failureOf } from './faults.ts';

const throttleUpdate = defineUpdate<ControlAnswer, [ThrottleRequest]>(THROTTLE_UPDATE);
const pauseUpdate = defineUpdate<ControlAnswer, [PauseRequest | undefined]>(PAUSE_UPDATE);
const resumeUpdate = defineUpdate<ControlAnswer, [ResumeRequest | undefined]>(RESUME_UPDATE);

/** Whoever asks waits this long for a host to answer. Unit: milliseconds. */
const DELIVERY_MILLISECONDS = 8_000;

/** Before and in these there are bytes to copy. */
const PAUSABLE: readonly Phase[] = ['preparing', 'attaching', 'copying', 'paused'];
/** And in this one bytes that are read again. */
const LIMITABLE: readonly Phase[] = [...PAUSABLE, 'verifying'];

function isLimit(limit: unknown): boolean {
  return limit === 'unlimited' || (Number.isSafeInteger(limit) && (limit as number) > 0);
}

const LIMIT =
  'a limit is a whole number of bytes a second, at least 1, or "unlimited"; pause stops a copy';

const refused = (change: string, because: string): Error =>
  failureOf(describeError('ControlRefused', { change, because }));

/** What people want of the copy, and how far that has come. */
export class ControlDesk {
  readonly changes: ControlChange[] = [];
  #current: CopyControl = { version: 0, paused: false };
  #paused: PausedStatus | undefined;
  /** Both volumes are to be detached, or are, until somebody resumes. */
  #release = false;
  /** Where the last resume wants it. */
  #host: string | undefined;
  /** The version that the host which copies is known to have; undefined while none does. */
  #delivered: number | undefined;

  constructor(
    copies: boolean,
    private readonly phase: () => Phase,
    private readonly onChange: () => void,
  ) {
    const validate = (
      change: string,
      request: { reason?: unknown } | null | undefined,
      phases = PAUSABLE,
    ): void => {
      if (request === null || !['object', 'undefined'].includes(typeof request)) {
        throw refused(change, 'its argument is an object');
      }
      if (!copies) throw refused(change, 'nothing is copied');
      // While it is detached for a pause it is steered as well.
      const isSteerable = phases.includes(this.phase()) || this.#release;
      if (!isSteerable) throw refused(change, `the copy is ${this.phase()}`);
      if (typeof (request?.reason ?? '') !== 'string') throw refused(change, 'a reason is text');
    };
    setHandler(throttleUpdate, ({ limit, reason }) => this.#change({ limit }, { reason }), {
      description: 'Limit the rate: bytes a second, or "unlimited"; counts on every host',
      validator: (request: ThrottleRequest | undefined) => {
        validate('throttle', request, LIMITABLE);
        if (!isLimit(request?.limit)) throw refused('throttle', LIMIT);
      },
    });
    setHandler(pauseUpdate, (request) => this.#pause(request), {
      description: 'Pause the copy; both volumes stay attached, unless it says release',
      validator: (request: PauseRequest | undefined) => validate('pause', request),
    });
    setHandler(resumeUpdate, (request) => this.#resume(request), {
      description: 'Go on with a paused copy; a released one on any host',
      validator: (request: ResumeRequest | undefined) => {
        validate('resume', request);
        const { host } = request ?? {};
        if (host === undefined) return;
        if (!host || typeof host !== 'string') throw refused('resume', 'a host is named by its id');
        if (!this.#release)
          throw refused('resume', 'to go on elsewhere, pause it with release first');
      },
    });
  }

  #pause({ release, reason }: PauseRequest = {}): Promise<ControlAnswer> {
    this.#release ||= release === true;
    return this.#change({ paused: true }, { reason, ...(release === true ? { release } : {}) });
  }

  #resume({ host, reason }: ResumeRequest = {}): Promise<ControlAnswer> {
    this.#release = false;
    this.#host = host;
    return this.#change({ paused: false }, { reason, ...(host === undefined ? {} : { host }) });
  }

  get current(): CopyControl {
    return this.#current;
  }

  get paused(): PausedStatus | undefined {
    return this.#paused;
  }

  /** While a host copies: it has this version, the first by the arguments of its step. */
  delivered(version: number): void {
    this.#delivered = version;
  }

  /** No host copies: the next step gets what is wanted then. */
  ended(): void {
    this.#delivered = undefined;
  }

  /** Returns when the host that copies lacks a change. */
  async undelivered(): Promise<CopyControl> {
    await condition(() => (this.#delivered ?? 0) < this.#current.version);
    return this.#current;
  }

  /** Whether the host is to be let go while the copy is paused. */
  get toRelease(): boolean {
    return this.#current.paused && this.#release;
  }

  /** Where to go on, if somebody said so. */
  get host(): string | undefined {
    return this.#host;
  }

  /**
   * Waits for as long as the copy is to be paused, or until its host is to be let go, unless it was.
   * Cancelled with its scope.
   */
  async whilePaused({ bytesFlushed, bytesTotal }: PausedAt, released: boolean): Promise<void> {
    this.#paused = { since: now(), released, bytesFlushed, bytesTotal };
    this.onChange();
    try {
      await condition(() => !this.#current.paused || (this.#release && !released));
    } finally {
      this.#paused = undefined;
      this.onChange();
    }
  }

  async #change(wanted: Partial<CopyControl>, { reason, ...how }: Told): Promise<ControlAnswer> {
    const version = this.#current.version + 1;
    const control: CopyControl = { ...this.#current, ...wanted, version };
    this.#current = control;
    const because = reason === undefined ? {} : { reason };
    this.changes.push({ at: now(), control, ...how, ...because });
    this.onChange();
    const arrived = (): boolean => (this.#delivered ?? version) >= version;
    const delivered = await condition(arrived, DELIVERY_MILLISECONDS);
    return { control, delivered };
  }
}

/** What a change says beside the control. */
type Told = Pick<ControlChange, 'release' | 'host'> & { reason: string | undefined };

/** How far a copy has come that is paused. */
type PausedAt = Pick<CopyProgress, 'bytesFlushed' | 'bytesTotal'>;
