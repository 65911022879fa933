import { parseRate } from '../../contract/bytes.ts';
import type { RateLimit } from '../../contract/control.ts';
import { DrayError } from '../../contract/errors.ts';

/** From a minute of the day to another one, which it does not include; may go past midnight. */
export type Span = { from: number; to: number };
type Window = Span & { limit: RateLimit };

/** Limits by time of day: the first window that fits, else what stands after `else`. */
export type Timetable = { windows: Window[]; otherwise?: RateLimit };

export const MINUTES_A_DAY = 24 * 60;
const SPAN = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/;
const WINDOW = /^(\S+)\s+(.+)$/;

const bad = (because: string): DrayError =>
  new DrayError('BadOption', { option: 'timetable', because });

/** Minute of the day; 24:00 is the end of it. */
function minuteOf(hours: string | undefined, minutes: string | undefined): number | undefined {
  const [hour, minute] = [Number(hours), Number(minutes)];
  const all = hour * 60 + minute;
  return minute < 60 && all <= MINUTES_A_DAY ? all : undefined;
}

function limitOf(entry: string, text: string): RateLimit {
  if (text === 'unlimited') return text;
  const rate = parseRate(text);
  if (typeof rate === 'number') return rate;
  throw bad(`in "${entry}": ${rate}, nor unlimited`);
}

const isTimes = (text: string): boolean => SPAN.test(text);

/** Reads `22:00-06:00`. @throws BadOption with the reason */
export function parseSpan(text: string): Span {
  const match = SPAN.exec(text);
  if (match === null) throw bad(`"${text}" is not of the form 22:00-06:00`);
  const [, fromHours, fromMinutes, toHours, toMinutes] = match;
  const [from, to] = [minuteOf(fromHours, fromMinutes), minuteOf(toHours, toMinutes)];
  if (from === undefined || from === MINUTES_A_DAY || to === undefined) {
    throw bad(`in "${text}": times go from 00:00 to 24:00`);
  }
  if (from === to) throw bad(`in "${text}": nothing lies between the two times`);
  return { from, to };
}

/** Whether a minute of the day lies in it. */
export function liesIn({ from, to }: Span, minute: number): boolean {
  return from < to ? from <= minute && minute < to : from <= minute || minute < to;
}

function windowOf(entry: string): Window {
  const [, times = '', limit = ''] = WINDOW.exec(entry) ?? [];
  if (!isTimes(times)) {
    throw bad(`"${entry}" is not of the form 22:00-06:00 100MiB/s or else unlimited`);
  }
  return { ...parseSpan(times), limit: limitOf(entry, limit) };
}

/**
 * Reads `22:00-06:00 unlimited, else 100MiB/s`: windows in the local time of the host, the first
 * that fits counts, and what holds outside all of them last. @throws BadOption with the reason
 */
export function parseTimetable(text: string): Timetable {
  const entries = text.split(',').map((entry) => entry.trim());
  const last = /^else\s+(.+)$/.exec(entries.at(-1) ?? '');
  const windows = (last === null ? entries : entries.slice(0, -1)).map(windowOf);
  const [, otherwise] = last ?? [];
  if (otherwise === undefined) return { windows };
  return { windows, otherwise: limitOf(`else ${otherwise}`, otherwise) };
}

/** The lowest of its limits; undefined when all of it is unlimited. Unit: bytes a second. */
export function slowestOf({ windows, otherwise }: Timetable): number | undefined {
  const limits = [...windows.map(({ limit }) => limit), otherwise];
  const rates = limits.filter((limit) => typeof limit === 'number');
  return rates.length === 0 ? undefined : Math.min(...rates);
}

/** The limit at a moment, in local time; undefined where the timetable says nothing of it. */
export function limitAt({ windows, otherwise }: Timetable, moment: Date): RateLimit | undefined {
  const minute = moment.getHours() * 60 + moment.getMinutes();
  return windows.find((window) => liesIn(window, minute))?.limit ?? otherwise;
}
