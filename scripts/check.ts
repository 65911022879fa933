import { execa } from 'execa';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages } from './debian-packages.ts';

/** Installs what the tests need, then lints and runs every suite; ends with one line of counts. */

type Counts = { passed: number; failed: number; skipped: number };

const inherit = { stdio: 'inherit', reject: false, preferLocal: true } as const;

async function lint(): Promise<Counts> {
  const { exitCode } = await execa('npm', ['run', '-s', 'lint'], inherit);
  return exitCode === 0
    ? { passed: 1, failed: 0, skipped: 0 }
    : { passed: 0, failed: 1, skipped: 0 };
}

async function suite(directory: string, name: string, args: string[]): Promise<Counts> {
  const report = join(directory, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { exitCode } = await execa('vitest', ['run', ...args, ...reporters], inherit);
  const counted = JSON.parse(await readFile(report, 'utf8')) as Record<string, number>;
  const failed = counted['numFailedTests'] ?? 0;
  return {
    passed: counted['numPassedTests'] ?? 0,
    // A suite can fail without a failed test: a file that does not load, something left behind.
    failed: exitCode !== 0 && failed === 0 ? 1 : failed,
    skipped: (counted['numPendingTests'] ?? 0) + (counted['numTodoTests'] ?? 0),
  };
}

await installPackages();
const directory = await mkdtemp(join(tmpdir(), 'dray-check-'));
const results = [
  await lint(),
  await suite(directory, 'tests', ['--coverage']),
  await suite(directory, 'faults', ['--config', 'vitest.faults.config.ts']),
  await suite(directory, 'ui', ['--config', 'vitest.ui.config.ts']),
];
await rm(directory, { recursive: true });
const sum = (key: keyof Counts): number => results.reduce((total, r) => total + r[key], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
process.exitCode = sum('failed') > 0 ? 1 : 0;
