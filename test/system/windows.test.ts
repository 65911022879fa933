import { expect, it } from 'vitest';
import { windowAt } from '../../system/config/windows.ts';

const ask = (windows: string[], at: string, timeZone = 'UTC') =>
  windowAt({ windows, timeZone, at: Date.parse(at) });

it.each([
  [['22:00-06:00'], '2026-03-04T21:59:30Z', false, '2026-03-04T22:00:00.000Z'],
  [['22:00-06:00'], '2026-03-04T22:00:00Z', true, '2026-03-05T06:00:00.000Z'],
  [['22:00-06:00'], '2026-03-05T05:59:59Z', true, '2026-03-05T06:00:00.000Z'],
  [['22:00-06:00', '12:00-13:00'], '2026-03-05T06:00:00Z', false, '2026-03-05T12:00:00.000Z'],
  [['00:00-24:00'], '2026-03-05T06:00:00Z', true, '2026-03-06T00:00:00.000Z'],
] as const)('%j at %s', (windows, at, open, changesAt) => {
  expect(ask([...windows], at)).toEqual({ open, changesAt });
});

it('is meant in its time zone', () => {
  // 21:30 in Berlin, in summer and in winter.
  for (const [at, opens] of [
    ['2026-07-04T19:30:00Z', '2026-07-04T20:00:00.000Z'],
    ['2026-01-04T20:30:00Z', '2026-01-04T21:00:00.000Z'],
  ] as const) {
    const answer = ask(['22:00-06:00'], at, 'Europe/Berlin');
    expect(answer).toEqual({ open: false, changesAt: opens });
  }
});
