import { execa } from 'execa';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { FleetBench } from '../../bench/fleet/report.ts';

const MAIN = join(import.meta.dirname, '../../bench/main.ts');

it('measures a fleet, and prints one JSON document', { timeout: 300_000 }, async () => {
  const tsx = ['--import', import.meta.resolve('tsx')];
  const { stdout } = await execa(process.execPath, [...tsx, MAIN, '--fleet', '4', '--json']);
  const { fleets, leaks, targets, costRatio } = JSON.parse(stdout) as FleetBench;
  expect(fleets.map(({ volumes, done }) => [volumes, done])).toEqual([
    [1, 1],
    [4, 4],
  ]);
  for (const fleet of fleets) {
    expect(fleet.cpuSecondsPerVolume).toBeGreaterThan(0);
    expect(fleet.memory.maximum).toBeGreaterThan(50);
    expect(fleet.copyEvents).toBeGreaterThan(50);
    expect(fleet.parentEvents).toHaveLength(1);
  }
  expect(costRatio).toBeGreaterThan(0);
  expect(leaks).toEqual({ live: 0, orphan: 0, foreign: 0, unknown: 0 });
  expect(targets).toHaveLength(6);
});
