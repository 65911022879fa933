import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { compileInto } from '../../scripts/compile-into.ts';
import { EVIDENCE } from '../rig/evidence.ts';
import { endMarked } from '../rig/marked.ts';
import { startTemporal } from '../rig/temporal.ts';
import { writeReport } from './report.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the Temporal server that the rows share, each in a namespace of its own. */
    address: string;
    /** Directory of the compiled project. */
    dist: string;
    /** One JSON line a row. */
    results: string;
  }
}

const root = join(import.meta.dirname, '../..');

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'dray-faults-')));
  await mkdir(EVIDENCE, { recursive: true });
  const results = join(EVIDENCE, 'results.jsonl');
  await writeFile(results, '');
  // Compiled once, so that each of some hundred workers starts within a second.
  const [{ dist }, temporal] = await Promise.all([compileInto(directory), startTemporal()]);
  project.provide('address', temporal.address);
  project.provide('dist', dist);
  project.provide('results', results);
  return async () => {
    // What a row that was cut off could not end itself.
    await endMarked(directory);
    await temporal.stop();
    await rm(directory, { recursive: true, force: true });
    await writeReport(results, {
      everything: process.env['WRITE_DOCS'] === '1' ? join(root, 'docs', 'faults.md') : undefined,
      some: join(EVIDENCE, 'faults.md'),
    });
  };
}
