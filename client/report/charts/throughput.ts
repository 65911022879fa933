import type { CurvePoint } from '../../../contract/copy.ts';
import { renderSeconds } from '../../render/quantities.ts';
import type { Markup } from '../markup.ts';
import { draw, LABEL, LINE, MUTED } from './draw.ts';

const HEIGHT = 260;
/** Ticks of less than this come closer than a second. */
const SHORT_SECONDS = 10;
const MOST_STEPS = 100;
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Points that are not too close to each other: what is done within a moment has no rate. */
function apart(curve: readonly CurvePoint[]): CurvePoint[] {
  const shortest = Math.max((curve.at(-1)?.[0] ?? 0) / MOST_STEPS, 1);
  const kept: CurvePoint[] = [];
  // From the end, which is to be one of them.
  for (const point of curve.toReversed()) {
    const next = kept[0]?.[0] ?? Infinity;
    if (Math.min(point[0], next - point[0]) >= shortest) kept.unshift(point);
  }
  return kept;
}

/** Bytes a second between each point and the one before it; 0 where bytes were taken back. */
function ratesOf(curve: readonly CurvePoint[]): { second: number; rate: number }[] {
  const points = apart(curve);
  return points.map(([at, bytes], i) => {
    const [before, had] = points[i - 1] ?? [0, 0];
    return { second: at / 1000, rate: (Math.max(0, bytes - had) / (at - before)) * 1000 };
  });
}

/** How fast bytes were flushed, from the first attempt's start to the end. */
export function throughputChart(curve: readonly CurvePoint[], averageRate: number): Markup {
  const rates = ratesOf(curve);
  const most = Math.max(...rates.map(({ rate }) => rate));
  const power = Math.min(Math.floor(Math.log2(Math.max(most, 1)) / 10), UNITS.length - 1);
  const scale = 1024 ** power;
  // Each rate holds from the point before on.
  const first = rates[0]?.rate ?? 0;
  const data = [[0, first / scale], ...rates.map(({ second, rate }) => [second, rate / scale])];
  const lastSecond = rates.at(-1)?.second ?? 1;
  const isShort = lastSecond < SHORT_SECONDS;
  const option = {
    grid: { left: 64, right: 16, top: 36, bottom: 40 },
    xAxis: {
      type: 'value',
      min: 0,
      max: lastSecond,
      axisLabel: {
        ...LABEL,
        formatter: (second: number) => (isShort ? `${second} s` : renderSeconds(second)),
        hideOverlap: true,
      },
      axisLine: { lineStyle: { color: LINE } },
      axisTick: { lineStyle: { color: LINE } },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value',
      min: 0,
      name: `${UNITS[power]}/s`,
      nameTextStyle: { ...LABEL, align: 'right' },
      axisLabel: LABEL,
      splitLine: { lineStyle: { color: LINE } },
    },
    series: [
      {
        type: 'line',
        step: 'start',
        data,
        showSymbol: false,
        lineStyle: { color: 'var(--copied)', width: 2 },
        itemStyle: { color: 'var(--copied)' },
        areaStyle: { color: 'var(--copied)', opacity: 0.18 },
        markLine: {
          symbol: 'none',
          silent: true,
          lineStyle: { color: MUTED, type: 'dashed' },
          data: [{ yAxis: averageRate / scale }],
          label: { show: false },
        },
      },
    ],
  };
  return draw(option, HEIGHT, 'Bytes flushed a second over the time of the copy');
}
