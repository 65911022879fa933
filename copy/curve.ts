import type { CurvePoint } from '../contract/copy.ts';

/** The most points that are kept of a copy, however long it takes. */
export const CURVE_POINTS = 200;

/** How many bytes were flushed when. The last point of every step of time stands for it. */
export type Curve = { stepMilliseconds: number; points: CurvePoint[] };

export const EMPTY_CURVE: Curve = { stepMilliseconds: 100, points: [] };

/** The last of the points in each step. */
function thin(points: readonly CurvePoint[], stepMilliseconds: number): CurvePoint[] {
  const stepOf = (point: CurvePoint | undefined): number =>
    Math.floor((point?.[0] ?? Infinity) / stepMilliseconds);
  return points.filter((point, i) => stepOf(point) !== stepOf(points[i + 1]));
}

/**
 * Adds a point at its end; steps become twice as long whenever there would be too many. What is
 * kept depends only on the points, as if the steps had had their present length from the start.
 */
export function addPoint(curve: Curve, milliseconds: number, bytesFlushed: number): Curve {
  // A clock that was set back must not make the curve run backwards.
  const at = Math.max(milliseconds, curve.points.at(-1)?.[0] ?? 0);
  let { stepMilliseconds } = curve;
  let points = thin([...curve.points, [at, bytesFlushed]], stepMilliseconds);
  while (points.length > CURVE_POINTS) {
    stepMilliseconds *= 2;
    points = thin(points, stepMilliseconds);
  }
  return { stepMilliseconds, points };
}
