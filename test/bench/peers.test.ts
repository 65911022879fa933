import { execa } from 'execa';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { PeerRow } from '../../bench/peers/rows.ts';
import type { Target } from '../../bench/peers/targets.ts';
import { VARIANTS } from '../../bench/peers/ours.ts';
import { TOOLS } from '../../bench/peers/tools.ts';

const MAIN = join(import.meta.dirname, '../../bench/main.ts');
const MINUTES = 60_000;
const TOOL_NAMES = TOOLS.map(({ name }) => name);
const ENGINES = VARIANTS.map(({ name }) => name);

async function benchPeers(storage: string): Promise<{ rows: PeerRow[]; targets: Target[] }> {
  const how = ['--peers', '--json', '--size', '16MiB', '--rounds', '1', '--storage', storage];
  const tsx = ['--import', import.meta.resolve('tsx')];
  const { stdout } = await execa(process.execPath, [...tsx, MAIN, ...how]);
  return JSON.parse(stdout) as { rows: PeerRow[]; targets: Target[] };
}

it('measures every tool that works on nbdkit with a delay', { timeout: 5 * MINUTES }, async () => {
  const { rows, targets } = await benchPeers('delay-1ms');
  expect(rows.map(({ tool }) => tool)).toEqual([...TOOL_NAMES, ...ENGINES]);
  for (const row of rows) {
    expect(row.none).toBeUndefined();
    expect(row.mibPerSecond).toBeGreaterThan(0);
    expect(row.cpuSecondsAGib).toBeGreaterThanOrEqual(0);
    expect(row.ratioToDd1M).toBeGreaterThan(0);
  }
  expect(rows[0]!.ratioToDd1M).toBe(1);
  expect(rows.some(({ kind, ratioToFastest }) => kind === 'peer' && ratioToFastest === 1)).toBe(
    true,
  );
  expect(new Set(targets.map(({ result }) => result))).toEqual(new Set(['not measured']));
});
