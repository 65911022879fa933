import { execa } from 'execa';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages } from './debian-packages.ts';

/**
 * Installs what the tests need, then lints and runs every suite; ends with what failed, told once
 * more where nobody has to look for it, and one line of counts.
 */

type Counts = { passed: number; failed: number; skipped: number };
type Result = Counts & { failures: string[] };

/** What is used of vitest's JSON report. */
type Report = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
  }[];
};

const inherit = { stdio: 'inherit', reject: false, preferLocal: true } as const;

async function lint(): Promise<Result> {
  const { exitCode } = await execa('npm', ['run', '-s', 'lint'], inherit);
  return exitCode === 0
    ? { passed: 1, failed: 0, skipped: 0, failures: [] }
    : { passed: 0, failed: 1, skipped: 0, failures: ['lint'] };
}

/** Each failed test with what it says; a file that does not load has a message of its own. */
function failuresIn({ testResults }: Report): string[] {
  return testResults.flatMap((file) => {
    const failed = file.assertionResults.filter(({ status }) => status === 'failed');
    if (failed.length === 0 && file.status === 'failed') return [`${file.name}\n${file.message}`];
    return failed.map((test) =>
      [`${file.name}: ${test.fullName}`, ...test.failureMessages].join('\n'),
    );
  });
}

async function suite(directory: string, name: string, args: string[]): Promise<Result> {
  const report = join(directory, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { exitCode } = await execa('vitest', ['run', ...args, ...reporters], inherit);
  const counted = JSON.parse(await readFile(report, 'utf8')) as Report;
  const failures = failuresIn(counted);
  // A suite can fail without a failed test: an error that nobody caught, something left behind.
  if (exitCode !== 0 && failures.length === 0) failures.push(`suite ${name}: see its output`);
  return {
    passed: counted.numPassedTests,
    failed: failures.length,
    skipped: counted.numPendingTests + counted.numTodoTests,
    failures,
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
for (const { failures } of results) for (const failure of failures) console.log(`\n${failure}`);
const sum = (key: keyof Counts): number => results.reduce((total, r) => total + r[key], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
process.exitCode = sum('failed') > 0 ? 1 : 0;
