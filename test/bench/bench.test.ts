import { execa } from 'execa';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Report } from '../../bench/report.ts';

const MAIN = join(import.meta.dirname, '../../bench/main.ts');
const MINUTES = 60_000;

it('prints one JSON document of the kept shape', { timeout: 5 * MINUTES }, async () => {
  const size = ['--size', '4MiB', '--rounds', '1', '--copies', '3'];
  const tsx = ['--import', import.meta.resolve('tsx')];
  const { stdout } = await execa(process.execPath, [...tsx, MAIN, '--json', ...size]);
  const { machine, rows, controlPlane } = JSON.parse(stdout) as Report;
  expect(machine.cores).toBeGreaterThan(0);
  expect(machine.temporal).toMatch(/\d+\.\d+/);
  const bare = rows.filter(({ work, tool }) => work === 'copy 4 MiB' && tool === 'dd bs=1M');
  expect(bare.map(({ storage, ratioToDd1M }) => [storage, ratioToDd1M])).toEqual([
    ['file', 1],
    ['iscsi', 1],
  ]);
  expect(new Set(rows.map(({ work }) => work))).toEqual(
    new Set(['copy 4 MiB', 'verify 4 MiB', 'whole dray copy of 4 MiB']),
  );
  for (const row of rows) {
    const keys = ['storage', 'work', 'tool', 'medianSeconds', 'mibPerSecond', 'ratioToDd1M'];
    expect(Object.keys(row)).toEqual(keys);
    expect(row.medianSeconds).toBeGreaterThan(0);
    expect(row.mibPerSecond).toBeGreaterThan(0);
    expect(row.ratioToDd1M).toBeGreaterThan(0);
  }
  for (const plane of [controlPlane, controlPlane.iscsi!]) {
    expect(plane.p50Seconds).toBeGreaterThan(0);
    expect(plane.p95Seconds).toBeGreaterThanOrEqual(plane.p50Seconds!);
  }
});
