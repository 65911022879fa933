import { init } from 'echarts';
import type { PeerRow } from './rows.ts';

const [WIDTH, HEIGHT] = [1100, 560];

/** Speed of each tool on each storage with dense volumes, as an SVG document. */
export function drawPeers(rows: readonly PeerRow[]): string {
  const dense = rows.filter(({ content, kind }) => content === 'dense' && kind !== 'whole');
  const storages = [...new Set(dense.map(({ storage }) => storage))];
  const tools = [...new Set(dense.map(({ tool }) => tool))];
  const speed = (tool: string, storage: string): number | null =>
    dense.find((row) => row.tool === tool && row.storage === storage)?.mibPerSecond ?? null;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#fff',
      title: { text: 'Copies of dense volumes, MiB/s', left: 'center' },
      legend: { bottom: 0, data: tools },
      grid: { top: 50, bottom: 90, left: 60, right: 20 },
      xAxis: { type: 'category', data: storages },
      yAxis: { type: 'value' },
      series: tools.map((name) => ({
        name,
        type: 'bar',
        data: storages.map((storage) => speed(name, storage)),
      })),
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}
