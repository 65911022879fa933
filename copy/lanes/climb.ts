import type { LaneSetting } from '../../contract/copy.ts';
import { wholeTimes } from './alignment.ts';

/** What lanes may be set to; sizes in bytes, and the longest request is whole times the shortest. */
export type LaneLimits = { maxLanes: number; minRequestBytes: number; maxRequestBytes: number };

/** What was seen of the lanes at one moment. */
export type Seen = {
  /** Of any clock that goes forward. Unit: ms. */
  at: number;
  /** Bytes of all requests so far. */
  moved: number;
  /** Lanes that have a chunk, or would if what they wrote were recorded. */
  lanes: number;
  /** Requests were held back by a limit since the last moment. */
  isHeldBack: boolean;
};

/** Where a climb starts: long requests cost little, and on slow storage they are what counts. */
const FIRST_LANES = 2;
const FIRST_REQUEST_BYTES = 4 * 2 ** 20;
/** One measurement: at least so long, and so many requests of each lane. */
const INTERVAL_MILLISECONDS = 400;
const INTERVAL_REQUESTS = 4;
/** A setting has to be so much better than the one before, or storage so different, to count. */
const GAIN = 1.05;
const CHANGE = 1.3;
/** Closer to the gain than this is measured for twice as long. */
const CLOSE = 0.1;
/** Until all ways are tried again: twice as long each time that none was better. */
const FIRST_REST_MILLISECONDS = 10_000;
const LONGEST_REST_MILLISECONDS = 60_000;

/** In the order in which they are tried; each with the one that takes it back. */
const MOVES = ['longerRequests', 'moreLanes', 'fewerLanes', 'shorterRequests'] as const;
type Move = (typeof MOVES)[number];
const BACK: Record<Move, Move> = {
  moreLanes: 'fewerLanes',
  fewerLanes: 'moreLanes',
  longerRequests: 'shorterRequests',
  shorterRequests: 'longerRequests',
};

function moved({ lanes, requestBytes }: LaneSetting, move: Move, limits: LaneLimits): LaneSetting {
  const { maxLanes, minRequestBytes, maxRequestBytes } = limits;
  switch (move) {
    case 'moreLanes':
      return { lanes: Math.min(lanes * 2, maxLanes), requestBytes };
    case 'fewerLanes':
      return { lanes: Math.ceil(lanes / 2), requestBytes };
    case 'longerRequests':
      return { lanes, requestBytes: Math.min(requestBytes * 2, maxRequestBytes) };
    case 'shorterRequests': {
      const half = wholeTimes(requestBytes / 2, minRequestBytes);
      return { lanes, requestBytes: Math.max(half, minRequestBytes) };
    }
  }
}

const isSame = (a: LaneSetting, b: LaneSetting): boolean =>
  a.lanes === b.lanes && a.requestBytes === b.requestBytes;

/**
 * Climbs to the number of lanes and the length of requests that move most: from a low start, one
 * step in one direction at a time, and back where a step gained nothing. Between two steps back it
 * measures where it stands anew, and once no step gains it rests, until it is time to look again or
 * storage has become another. It knows no clock but the moments it is told.
 */
export class Climb {
  #base: LaneSetting;
  #maxLanes: number;
  /** Bytes a millisecond at the base. */
  #rate: number | undefined;
  #trying: { move: Move; setting: LaneSetting } | undefined;
  /** Not known yet to gain nothing. From a low start the way is up, at first. */
  #open = new Set<Move>(['longerRequests', 'moreLanes']);
  #hasGained = false;
  #rest = { from: 0, milliseconds: 0 };
  /** Where the measurement in progress began, and how often it is extended. */
  #began: Seen | undefined;
  #isClose = false;
  #isDoubtful = false;

  constructor(private readonly limits: LaneLimits) {
    const { minRequestBytes, maxRequestBytes } = limits;
    this.#maxLanes = limits.maxLanes;
    const longest = wholeTimes(Math.min(FIRST_REQUEST_BYTES, maxRequestBytes), minRequestBytes);
    const requestBytes = Math.max(minRequestBytes, longest);
    this.#base = { lanes: Math.min(FIRST_LANES, limits.maxLanes), requestBytes };
  }

  /** Allows so many lanes from now on, at least one and never more than at first. */
  limit(lanes: number): void {
    const maxLanes = Math.max(1, Math.min(lanes, this.limits.maxLanes));
    if (maxLanes === this.#maxLanes) return;
    this.#maxLanes = maxLanes;
    const { lanes: before, requestBytes } = this.#base;
    // More of them are tried at once, where fewer of them were not for want of gain.
    this.#base = { lanes: Math.min(before, maxLanes), requestBytes };
    this.#trying = undefined;
    this.#began = undefined;
    if (this.#rate === undefined) return;
    this.#rate = undefined;
    this.#open = new Set(MOVES);
    this.#rest = { from: 0, milliseconds: 0 };
  }

  /** The best known. */
  get settled(): LaneSetting {
    return this.#base;
  }

  /** What lanes are to do now. */
  get setting(): LaneSetting {
    return this.#trying?.setting ?? this.#base;
  }

  /** Several times in an interval. A moment that does not show the setting ends the measurement. */
  observe(seen: Seen): void {
    const { lanes, requestBytes } = this.setting;
    if (seen.isHeldBack || seen.lanes !== lanes) {
      this.#began = undefined;
      return;
    }
    this.#began ??= seen;
    const [milliseconds, bytes] = [seen.at - this.#began.at, seen.moved - this.#began.moved];
    const times = this.#isClose ? 2 : 1;
    if (milliseconds < times * INTERVAL_MILLISECONDS) return;
    if (bytes < times * INTERVAL_REQUESTS * lanes * requestBytes) return;
    if (this.#trying === undefined) this.#stand(bytes / milliseconds, seen);
    else this.#judge(this.#trying, bytes / milliseconds, seen);
  }

  #stand(rate: number, seen: Seen): void {
    this.#began = seen;
    const was = this.#rate ?? rate;
    const isOther = rate > was * CHANGE || rate * CHANGE < was;
    // One that is far off is believed when the next one is as well.
    this.#isDoubtful = isOther && !this.#isDoubtful;
    if (this.#isDoubtful) return;
    this.#rate = isOther ? rate : (was + rate) / 2;
    if (isOther) this.#rest = { from: seen.at, milliseconds: 0 };
    if (seen.at - this.#rest.from >= this.#rest.milliseconds) this.#try(seen);
  }

  #judge({ move, setting }: { move: Move; setting: LaneSetting }, rate: number, seen: Seen): void {
    const gain = rate / (this.#rate ?? rate);
    if (!this.#isClose && Math.abs(gain - GAIN) < CLOSE) {
      this.#isClose = true;
      return;
    }
    this.#isClose = false;
    this.#trying = undefined;
    this.#began = undefined;
    if (gain < GAIN) {
      this.#open.delete(move);
      return;
    }
    this.#base = setting;
    this.#rate = rate;
    this.#hasGained = true;
    if (this.#rest.from > 0) this.#open = new Set([move, ...MOVES]);
    this.#open.delete(BACK[move]);
    this.#try(seen);
  }

  /** The next step that leads somewhere, else a rest. */
  #try({ at }: Seen): void {
    for (const move of this.#open) {
      const setting = moved(this.#base, move, { ...this.limits, maxLanes: this.#maxLanes });
      if (!isSame(setting, this.#base)) {
        this.#trying = { move, setting };
        this.#began = undefined;
        return;
      }
    }
    const longer = Math.min(this.#rest.milliseconds * 2, LONGEST_REST_MILLISECONDS);
    const milliseconds = this.#hasGained ? 0 : longer;
    this.#rest = { from: at, milliseconds: Math.max(milliseconds, FIRST_REST_MILLISECONDS) };
    this.#hasGained = false;
    this.#open = new Set(MOVES);
  }
}
