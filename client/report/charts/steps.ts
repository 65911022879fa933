import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemReturn } from 'echarts';
import { renderSeconds } from '../../render/quantities.ts';
import type { TimelineOutcome, TimelineStep } from '../../temporal/timeline.ts';
import { type Markup, plain } from '../markup.ts';
import { draw, INK, LABEL, LINE } from './draw.ts';

const ROW_HEIGHT = 22;
const BAR_HEIGHT = 12;
const LEAST_WIDTH = 3;

const COLOURS: Record<TimelineOutcome, string> = {
  done: 'var(--done)',
  failed: 'var(--bad)',
  timedOut: 'var(--bad)',
  cancelled: 'var(--skipped)',
  open: 'var(--repeated)',
};

const WORDS: Record<TimelineOutcome, string> = {
  done: '',
  failed: 'failed',
  timedOut: 'timed out',
  cancelled: 'cancelled',
  open: 'has not ended',
};

type Bar = { row: number; from: number; until: number; label: string; colour: string };

const renderTick = (seconds: number): string =>
  seconds < 60 ? `${Number(seconds.toFixed(1))} s` : renderSeconds(seconds);

function renderDuration(seconds: number): string {
  return seconds < 60 ? `${seconds.toFixed(seconds < 1 ? 2 : 1)} s` : renderSeconds(seconds);
}

function barOf(step: TimelineStep, row: number, start: number, end: number): Bar {
  const { from, until, attempts, outcome } = step;
  const [begun, ended] = [from.getTime() - start, (until?.getTime() ?? end) - start];
  const words = [
    renderDuration((ended - begun) / 1000),
    ...(attempts > 1 ? [`attempt ${attempts}`] : []),
    ...(WORDS[outcome] === '' ? [] : [WORDS[outcome]]),
  ];
  const times = { from: begun / 1000, until: ended / 1000 };
  return { row, ...times, label: words.join(', '), colour: COLOURS[outcome] };
}

const nameOf = ({ verb, about }: TimelineStep): string => plain(`${verb}  ${about}`);

function renderBar(bar: Bar, api: CustomSeriesRenderItemAPI): CustomSeriesRenderItemReturn {
  const [x = 0, y = 0] = api.coord([bar.from, bar.row]);
  const [end = 0] = api.coord([bar.until, bar.row]);
  const width = Math.max(end - x, LEAST_WIDTH);
  const top = y - BAR_HEIGHT / 2;
  return {
    type: 'group',
    children: [
      {
        type: 'rect',
        shape: { x, y: top, width, height: BAR_HEIGHT, r: 2 },
        style: { fill: bar.colour },
      },
      {
        type: 'text',
        style: {
          x: x + width + 6,
          y,
          text: bar.label,
          fill: LABEL.color,
          fontSize: 11,
          verticalAlign: 'middle',
        },
      },
    ],
  };
}

/** Every activity from when it was handed out to its end, one row for each thing that is done. */
export function stepsChart(timeline: readonly TimelineStep[]): Markup {
  const names = [...new Set(timeline.map(nameOf))];
  const start = Math.min(...timeline.map(({ from }) => from.getTime()));
  const end = Math.max(...timeline.map(({ from, until }) => (until ?? from).getTime()));
  const bars = timeline.map((step) => barOf(step, names.indexOf(nameOf(step)), start, end));
  const option = {
    grid: { left: 330, right: 150, top: 8, bottom: 32 },
    xAxis: {
      type: 'value',
      min: 0,
      max: Math.max((end - start) / 1000, 0.001),
      axisLabel: { ...LABEL, formatter: renderTick, hideOverlap: true },
      splitLine: { lineStyle: { color: LINE } },
    },
    yAxis: {
      type: 'category',
      data: names,
      inverse: true,
      axisLabel: { ...LABEL, color: INK, interval: 0, width: 310, overflow: 'truncate' },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: LINE } },
    },
    series: [
      {
        type: 'custom',
        data: bars.map(({ from, row }) => [from, row]),
        renderItem: ({ dataIndex }: { dataIndex: number }, api: CustomSeriesRenderItemAPI) =>
          renderBar(bars[dataIndex] as Bar, api),
      },
    ],
  };
  return draw(option, names.length * ROW_HEIGHT + 40, 'Steps of the workflow over time');
}
