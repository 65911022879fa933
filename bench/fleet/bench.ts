import { execa } from 'execa';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Leaks } from '../../contract/leaks.ts';
import { describeMachine } from '../machine.ts';
import { setStage, type Stage } from '../stage.ts';
import { AT_ONCE, measureFleet } from './measure.ts';
import type { FleetOptions } from './options.ts';
import { renderFleetBench, scalePage } from './page.ts';
import { reportOf } from './report.ts';

/** As `dray leaks` tells it, whatever it finds. */
async function leaksOf({ programs, configFile }: Stage): Promise<Leaks['counts']> {
  const dray = [programs.dray, '--config', configFile, '--json', 'leaks'];
  const { stdout } = await execa(process.execPath, dray, { stdin: 'ignore', reject: false });
  return (JSON.parse(stdout) as Leaks).counts;
}

/** `npm run bench -- --fleet`: see docs/scale.md. */
export async function benchFleet(options: FleetOptions, note: (text: string) => void) {
  note('compiling and starting the server and the worker');
  const stage = await setStage(['file'], AT_ONCE);
  try {
    const machine = await describeMachine(stage.temporalBinary, stage.directory);
    const fewer = Math.max(1, Math.round(options.volumes / 10));
    // What a process does only once is not part of what a volume costs.
    note(`a fleet of ${AT_ONCE} volumes, to warm up`);
    await measureFleet(stage, AT_ONCE);
    note(`a fleet of ${fewer} volumes`);
    const small = await measureFleet(stage, fewer);
    note(`a fleet of ${options.volumes} volumes`);
    const large = await measureFleet(stage, options.volumes);
    const report = reportOf(machine, AT_ONCE, [small, large], await leaksOf(stage));
    process.stdout.write(
      options.json ? `${JSON.stringify(report, null, 2)}\n` : `${renderFleetBench(report)}\n`,
    );
    if (options.writeDocs) {
      await writeFile(join(import.meta.dirname, '../../docs/scale.md'), scalePage(report));
    }
  } finally {
    await stage.strike();
  }
}
