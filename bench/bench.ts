import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { measureControlPlane } from './control-plane.ts';
import { measureDataPath } from './data-path.ts';
import { describeMachine } from './machine.ts';
import type { BenchOptions } from './options.ts';
import { benchmarksPage, renderRun } from './page.ts';
import { reportOf, type Run } from './report.ts';
import { setStage } from './stage.ts';

/** `npm run bench`: see docs/benchmarks.md. */
export async function benchDray(options: BenchOptions, note: (text: string) => void) {
  note('compiling and starting the server and the worker');
  const stage = await setStage(options.storages);
  try {
    const machine = await describeMachine(stage.temporalBinary, stage.directory);
    const run: Run = { machine, options, samples: [], controlPlane: {} };
    for (const storage of options.storages) {
      note(`${storage}: ${options.copies} copies of 1 MiB`);
      run.controlPlane[storage] = await measureControlPlane(stage, storage, options.copies);
      run.samples.push(...(await measureDataPath(stage, storage, options, note)));
    }
    process.stdout.write(
      options.json ? `${JSON.stringify(reportOf(run), null, 2)}\n` : `${renderRun(run)}\n`,
    );
    if (options.writeDocs) {
      await writeFile(join(import.meta.dirname, '../docs/benchmarks.md'), benchmarksPage(run));
    }
  } finally {
    await stage.strike();
  }
}
