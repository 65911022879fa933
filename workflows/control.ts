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
const STEERABLE: readonly Phase[] = ['preparing', 'attaching', 'copying', 'paused'];

function isLimit(limit: unknown): boolean {
  return limit === 'unlimited' || (Number.isSafeInteger(limit) && (limit as number) > 0);
}

const refused = (change: string, because: string): Error =>
  failureOf(describeError('ControlRefused', { change, because }));

/** What people want of the copy, and how far that has come. */
export class ControlDesk {
  readonly changes: ControlChange[] = [];
  #current: CopyControl = { version: 0, paused: false };
  #paused: PausedStatus | undefined;
  /** The version that the host which copies is known to have; undefined while none does. */
  #delivered: number | undefined;

  constructor(
    phase: () => Phase,
    private readonly onChange: () => void,
  ) {
    const validate = (change: string, request: { reason?: unknown } | undefined): void => {
      if (!STEERABLE.includes(phase())) throw refused(change, `the copy is ${phase()}`);
      if (typeof (request?.reason ?? '') !== 'string') throw refused(change, 'a reason is text');
    };
    setHandler(throttleUpdate, ({ limit, reason }) => this.#change({ limit }, reason), {
      description: 'Limit the rate: bytes a second, or "unlimited"; counts on every host',
      validator: (request: ThrottleRequest) => {
        validate('throttle', request);
        if (!isLimit(request.limit)) throw refused('throttle', 'a limit is bytes a second');
      },
    });
    setHandler(pauseUpdate, (request) => this.#change({ paused: true }, request?.reason), {
      description: 'Pause the copy; both volumes stay attached',
      validator: (request: PauseRequest | undefined) => validate('pause', request),
    });
    setHandler(resumeUpdate, (request) => this.#change({ paused: false }, request?.reason), {
      description: 'Go on with a paused copy',
      validator: (request: ResumeRequest | undefined) => validate('resume', request),
    });
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

  /** Waits for as long as the copy is to be paused. Cancelled with its scope. */
  async whilePaused({ bytesFlushed, bytesTotal }: PausedAt): Promise<void> {
    this.#paused = { since: now(), bytesFlushed, bytesTotal };
    this.onChange();
    try {
      await condition(() => !this.#current.paused);
    } finally {
      this.#paused = undefined;
      this.onChange();
    }
  }

  async #change(wanted: Partial<CopyControl>, reason: string | undefined): Promise<ControlAnswer> {
    const version = this.#current.version + 1;
    const control: CopyControl = { ...this.#current, ...wanted, version };
    this.#current = control;
    const because = reason === undefined ? {} : { reason };
    this.changes.push({ at: now(), control, ...because });
    this.onChange();
    const arrived = (): boolean => (this.#delivered ?? version) >= version;
    const delivered = await condition(arrived, DELIVERY_MILLISECONDS);
    return { control, delivered };
  }
}

/** How far a copy has come that is paused. */
type PausedAt = Pick<CopyProgress, 'bytesFlushed' | 'bytesTotal'>;
