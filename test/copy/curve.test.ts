import { describe, expect, it } from 'vitest';
import type { CurvePoint } from '../../contract/copy.ts';
import { addPoint, CURVE_POINTS, type Curve, EMPTY_CURVE } from '../../copy/curve.ts';

const curveOf = (points: readonly CurvePoint[]): Curve =>
  points.reduce((curve, [at, bytes]) => addPoint(curve, at, bytes), EMPTY_CURVE);

/** The last point of each step, found in one pass over all of them. */
function lastOfEach(points: readonly CurvePoint[], step: number): CurvePoint[] {
  return [...new Map(points.map((point) => [Math.floor(point[0] / step), point])).values()];
}

/** Flushes at uneven times, the same in every run. */
function uneven(count: number): CurvePoint[] {
  let [seed, at] = [1, 0];
  return Array.from({ length: count }, (_, i) => {
    seed = (seed * 48271) % 2147483647;
    at += seed % 997;
    return [at, (i + 1) * 4096];
  });
}

describe('the throughput curve', () => {
  it('keeps every point of a short copy, and its last one always', () => {
    const points = uneven(CURVE_POINTS / 2).map(([at, bytes]): CurvePoint => [at * 1000, bytes]);
    expect(curveOf(points).points).toEqual(points);
    expect(
      curveOf([
        [1, 1],
        [2, 2],
      ]).points,
    ).toEqual([[2, 2]]);
  });

  it.each([201, 1_000, 20_000])('of %i points is as if its steps had never grown', (count) => {
    const points = uneven(count);
    const { points: kept, stepMilliseconds } = curveOf(points);
    expect(kept.length).toBeLessThanOrEqual(CURVE_POINTS);
    expect(kept.length).toBeGreaterThan(CURVE_POINTS / 4);
    expect(kept).toEqual(lastOfEach(points, stepMilliseconds));
    expect(kept.at(-1)).toEqual(points.at(-1));
  });

  it('stays bounded after a pause of a year', () => {
    const year = 365 * 24 * 3600 * 1000;
    const { points } = curveOf([...uneven(300), [year, 10 ** 9], [year + 1, 10 ** 9 + 1]]);
    expect(points.length).toBeLessThanOrEqual(CURVE_POINTS);
    expect(points.at(-1)).toEqual([year + 1, 10 ** 9 + 1]);
  });

  it('does not run backwards with the clock', () => {
    expect(
      curveOf([
        [5000, 1],
        [1000, 2],
        [6000, 3],
      ]).points,
    ).toEqual([
      [5000, 2],
      [6000, 3],
    ]);
  });
});
