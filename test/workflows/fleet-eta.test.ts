import { expect, it } from 'vitest';
import { etaSeconds } from '../../workflows/fleet/eta.ts';
import { whyStop } from '../../workflows/fleet/stop-rule.ts';

const MIB = 2 ** 20;
/** One volume every ten seconds. */
const recent = (count: number): [number, number][] =>
  Array.from({ length: count }, (_, i) => [i * 10_000, MIB]);

it.each([
  ['nobody can tell after four', recent(4), { volumes: 6, bytes: 6 * MIB }, undefined],
  ['the pace in volumes', recent(5), { volumes: 6, bytes: 6 * MIB }, 60],
  ['what is large takes longer', recent(5), { volumes: 1, bytes: 100 * MIB }, 1000],
  ['nothing is left', recent(5), { volumes: 0, bytes: 0 }, 0],
  ['all at the same moment', recent(5).map(([, b]) => [0, b]), { volumes: 1, bytes: 1 }, undefined],
] as const)('%s', (_, ends, left, seconds) => {
  expect(etaSeconds(ends as [number, number][], left)).toBe(seconds);
});

const counts = { waiting: 0, running: 0, parked: 0, done: 0, failed: 0, cancelled: 0 };
const none = { failures: 0, ended: 0 };

it.each([
  [{ failures: 3 }, { failed: 2 }, none, undefined],
  [{ failures: 3 }, { failed: 2, parked: 1 }, none, '3 volumes failed or are parked'],
  [{ failures: 3 }, { failed: 3, cancelled: 9 }, { failures: 1, ended: 1 }, undefined],
  [{ failures: 9, percent: 20 }, { failed: 2, done: 7 }, none, undefined],
  [
    { failures: 9, percent: 20 },
    { failed: 2, done: 8 },
    none,
    '2 of 10 volumes failed or are parked',
  ],
  [{ failures: 9, percent: 20 }, { failed: 2, done: 9 }, none, undefined],
  [{ failures: 9, percent: 20 }, { failed: 4, done: 16 }, { failures: 3, ended: 10 }, undefined],
])('%j with %j after %j: %s', (rule, found, forgiven, because) => {
  expect(whyStop(rule, { ...counts, ...found }, forgiven)).toBe(because);
});
