import { expect, it } from 'vitest';
import { LaneBudget } from '../../copy/lane-budget.ts';

it('gives all that work at a time as many lanes as the others, and tells them when that changes', () => {
  const budget = new LaneBudget({ lanes: 8, lanesOf: {} });
  const first = budget.share(['a', 'b']);
  const told: number[] = [];
  const unfollow = first.follow(() => told.push(first.lanes));
  expect(first.lanes).toBe(8);
  const second = budget.share(['a', 'c']);
  const third = budget.share(['d', 'e']);
  expect([first, second, third].map(({ lanes }) => lanes)).toEqual([2, 2, 2]);
  second.end();
  third.end();
  expect(told).toEqual([4, 2, 4, 8]);
  unfollow();
  budget.share(['a']);
  expect(told).toHaveLength(4);
});

it("keeps a backend's own limit for all that read or write it", () => {
  const budget = new LaneBudget({ lanes: 16, lanesOf: { slow: 3 } });
  const alone = budget.share(['slow', 'fast']);
  expect(alone.lanes).toBe(3);
  const both = budget.share(['slow', 'slow']);
  const other = budget.share(['fast', 'fast']);
  expect([alone, both, other].map(({ lanes }) => lanes)).toEqual([1, 1, 5]);
});

it('gives one lane at least', () => {
  const budget = new LaneBudget({ lanes: 2, lanesOf: {} });
  const shares = Array.from({ length: 5 }, () => budget.share(['a', 'b']));
  expect(shares.map(({ lanes }) => lanes)).toEqual([1, 1, 1, 1, 1]);
});
