import { CustomChart, LineChart } from 'echarts/charts';
import { GridComponent, MarkLineComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { html, Markup } from '../markup.ts';

use([CustomChart, LineChart, GridComponent, MarkLineComponent, SVGRenderer]);

/** Width that charts are drawn for; the page scales them. Unit: CSS pixels. */
export const CHART_WIDTH = 1120;

/** Colours are variables of the page's style, so that one drawing suits light, dark and paper. */
export const INK = 'var(--ink)';
export const MUTED = 'var(--muted)';
export const LINE = 'var(--line)';

export const LABEL = { color: MUTED, fontSize: 12, fontFamily: 'inherit' } as const;

/** One chart as SVG, with no script and nothing that moves. */
export function draw(option: EChartsCoreOption, height: number, title: string): Markup {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: CHART_WIDTH, height });
  try {
    chart.setOption({ animation: false, ...option });
    const svg = chart.renderToSVGString({ useViewBox: true });
    return html`<figure role="img" aria-label="${title}">${new Markup(svg)}</figure>`;
  } finally {
    chart.dispose();
  }
}
