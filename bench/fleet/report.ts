import type { Leaks } from '../../contract/leaks.ts';
import type { Machine } from '../machine.ts';
import { rounded } from '../statistics.ts';
import type { FleetRun } from './measure.ts';

/** The document of `--fleet … --json`. */
export type FleetBench = {
  machine: Machine;
  atOnce: number;
  /** The small one first. */
  fleets: FleetRun[];
  /** Cost of a volume in the large fleet over that in the small one. */
  costRatio: number;
  leaks: Leaks['counts'];
  targets: { figure: string; measured: number; target: string; met: boolean }[];
};

const MOST = { parentEvents: 4_000, memoryMiB: 400, costRatio: 1.3, growth: 1.15 };

export function reportOf(
  machine: Machine,
  atOnce: number,
  [small, large]: readonly [FleetRun, FleetRun],
  leaks: Leaks['counts'],
): FleetBench {
  const costRatio = rounded(large.secondsPerVolume / small.secondsPerVolume, 3);
  const events = Math.max(...large.parentEvents);
  const growth = rounded(large.memory.lastQuarter / large.memory.firstQuarter, 3);
  const most = (figure: string, measured: number, limit: number) => {
    return { figure, measured, target: `under ${limit}`, met: measured < limit };
  };
  const found = leaks.orphan + leaks.unknown;
  return {
    ...{ machine, atOnce, fleets: [small, large], costRatio, leaks },
    targets: [
      {
        figure: `volumes done of ${large.volumes}`,
        measured: large.done,
        target: 'all',
        met: large.done === large.volumes,
      },
      { figure: 'leaks', measured: found, target: 'none', met: found === 0 },
      most('events in the longest run of the fleet', events, MOST.parentEvents),
      most('resident memory of the worker at most, MiB', large.memory.maximum, MOST.memoryMiB),
      most('the same, last quarter over first', growth, MOST.growth),
      most('cost of a volume over that in a tenth as many', costRatio, MOST.costRatio),
    ],
  };
}
