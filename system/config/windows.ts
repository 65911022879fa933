import { liesIn, MINUTES_A_DAY, parseSpan } from './timetable.ts';

export type WindowQuestion = {
  /** Times of day, as `22:00-06:00`. */
  windows: string[];
  /** IANA name. */
  timeZone: string;
  /** Milliseconds since 1970. */
  at: number;
};

/** `changesAt`: ISO 8601; as the clocks go now. */
export type WindowAnswer = { open: boolean; changesAt: string };

const MINUTE = 60_000;

function minuteOfDay(at: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  });
  const [hours = '0', minutes = '0'] = format.format(at).split(':');
  return Number(hours) * 60 + Number(minutes);
}

/** Whether one of the windows is open, and when that may change. */
export function windowAt({ windows, timeZone, at }: WindowQuestion): WindowAnswer {
  const spans = windows.map(parseSpan);
  const minute = minuteOfDay(at, timeZone);
  const ends = spans.flatMap(({ from, to }) => [from, to]);
  const waits = ends.map((end) => (end - minute + MINUTES_A_DAY) % MINUTES_A_DAY || MINUTES_A_DAY);
  const changesAt = (Math.floor(at / MINUTE) + Math.min(...waits)) * MINUTE;
  return {
    open: spans.some((span) => liesIn(span, minute)),
    changesAt: new Date(changesAt).toISOString(),
  };
}
