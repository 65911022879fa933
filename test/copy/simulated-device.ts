import { Climb, type LaneLimits } from '../../copy/lanes/climb.ts';

/** How long requests take. Times in ms, rates in bytes a ms. */
export type Traits = {
  /** Of each request, whatever its length; requests wait for it side by side. */
  latency: number;
  /** What all requests share, one after the other. */
  bandwidth: number;
  /** Of each byte of a lane's own. */
  cpuOfByte?: number;
  /** Each request beyond so many at a time makes all of them take so much longer. */
  collapse?: { above: number; each: number };
  /** A request takes the bandwidth for up to this part longer or shorter, by a fixed sequence. */
  noise?: number;
};

const OBSERVE_MILLISECONDS = 100;
/** Requests of a chunk: a lane that is wanted no more ends its chunk first. */
const CHUNK_BYTES = 16 * 2 ** 20;

type Lane = { readyAt: number; request: number; left: number };

/** Lanes that a climb drives over a device that is only reckoned with, in a time of its own. */
export class SimulatedCopy {
  readonly climb: Climb;
  /** Settings in the order in which they came. */
  readonly settings: { lanes: number; requestBytes: number }[] = [];
  traits: Traits;
  /** Bytes a ms that may pass; requests wait for it as those of a gate. */
  limit = Infinity;
  /** Nothing begins a request. */
  isPaused = false;
  moved = 0;
  #now = 0;
  #freeAt = 0;
  #passAt = 0;
  #seed = 1;
  #lanes: Lane[] = [];

  constructor(traits: Traits, limits: LaneLimits) {
    this.traits = traits;
    this.climb = new Climb(limits);
  }

  /** Bytes a ms of what is moved in this many seconds from now on. */
  run(seconds: number): number {
    const [end, before] = [this.#now + seconds * 1000, this.moved];
    while (this.#now < end) {
      const until = this.#now + OBSERVE_MILLISECONDS;
      const isHeldBack = this.#runUntil(until);
      this.#now = until;
      const { moved } = this;
      this.climb.observe({ at: until, moved, lanes: this.#lanes.length, isHeldBack });
      this.settings.push(this.climb.setting);
    }
    return (this.moved - before) / (seconds * 1000);
  }

  #runUntil(until: number): boolean {
    let isHeldBack = this.isPaused;
    const { lanes } = this.climb.setting;
    while (this.#lanes.length < lanes)
      this.#lanes.push({ readyAt: this.#now, request: 0, left: 0 });
    for (;;) {
      const lane = this.#lanes.reduce((a, b) => (b.readyAt < a.readyAt ? b : a));
      if (lane.readyAt >= until || (this.isPaused && lane.request === 0)) return isHeldBack;
      this.moved += lane.request;
      lane.request = 0;
      if (lane.left <= 0 && this.#lanes.length > lanes) {
        this.#lanes.splice(this.#lanes.indexOf(lane), 1);
      } else if (this.isPaused) {
        lane.readyAt = until;
      } else isHeldBack = this.#begin(lane) || isHeldBack;
    }
  }

  /** Answers whether the limit made it wait. */
  #begin(lane: Lane): boolean {
    const { latency, bandwidth, cpuOfByte = 0, collapse } = this.traits;
    const { requestBytes } = this.climb.setting;
    if (lane.left <= 0) lane.left = CHUNK_BYTES;
    lane.left -= requestBytes;
    lane.request = requestBytes;
    const at = Math.max(lane.readyAt, this.#passAt);
    this.#passAt = at + requestBytes / this.limit;
    const { above, each } = collapse ?? { above: Infinity, each: 0 };
    const times = 1 + Math.max(0, this.#lanes.length - above) * each;
    this.#freeAt = Math.max(this.#freeAt, at + latency);
    this.#freeAt += (requestBytes / bandwidth) * times * this.#jitter();
    const isHeldBack = at > lane.readyAt;
    lane.readyAt = this.#freeAt + cpuOfByte * requestBytes;
    return isHeldBack;
  }

  #jitter(): number {
    this.#seed = (this.#seed * 48_271) % 2_147_483_647;
    return 1 + (this.traits.noise ?? 0) * (this.#seed / 2_147_483_647 - 0.5) * 2;
  }
}
