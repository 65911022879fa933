import { type Cell, cellsOf, CELLS } from '../chunk-map.ts';
import type { Markup } from '../markup.ts';
import { CHART_WIDTH, draw } from './draw.ts';

const MOST_COLUMNS = 128;
const MOST_CELL = 28;

/** Many times as wide as high, where that fits. Lengths are CSS pixels. */
function gridOf(count: number): { columns: number; size: number; gap: number } {
  const columns = Math.min(MOST_COLUMNS, Math.max(1, Math.ceil(Math.sqrt(16 * count))));
  const size = Math.min(MOST_CELL, CHART_WIDTH / columns);
  return { columns, size, gap: size > 16 ? 3 : 1.25 };
}

/** The squares of all cells of one kind as one path, which keeps the page small. */
function pathOf(cells: readonly Cell[], kind: Cell): string {
  const { columns, size, gap } = gridOf(cells.length);
  const side = Number((size - gap).toFixed(2));
  return cells
    .flatMap((cell, i) => {
      if (cell !== kind) return [];
      const x = Number(((i % columns) * size).toFixed(2));
      const y = Number((Math.floor(i / columns) * size).toFixed(2));
      return [`M${x} ${y}h${side}v${side}h${-side}z`];
    })
    .join('');
}

/** The volume from its first byte, left to right and downwards. */
export function chunkChart(chunks: readonly Cell[]): Markup {
  const { cells } = cellsOf(chunks);
  const { columns, size } = gridOf(cells.length);
  const kinds = CELLS.filter((kind) => cells.includes(kind));
  const series = kinds.map((kind) => ({
    type: 'custom',
    coordinateSystem: 'none',
    data: [0],
    renderItem: () => ({
      type: 'path',
      shape: { pathData: pathOf(cells, kind) },
      style: { fill: `var(--${kind})` },
    }),
  }));
  const height = Math.ceil(Math.ceil(cells.length / columns) * size);
  return draw({ series }, Math.max(height, 1), 'What became of each part of the volume');
}
