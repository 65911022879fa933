import { execa } from 'execa';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeProgram } from '../node-program.ts';
import { cacheDirectory, installOnce } from './install-once.ts';

/** A download is given up after this long. Unit: seconds. */
const PATIENCE_SECONDS = 20;
/** Beyond that: the SDK starts what it has downloaded and ends it again. Unit: seconds. */
const START_SECONDS = 10;

const directory = (): string => join(cacheDirectory(), 'temporal-sdk');

/** The program that an earlier download left in the user's cache. */
export async function findSdkProgram(where = directory()): Promise<string | undefined> {
  const names = await readdir(where).catch(() => []);
  const name = names.find((n) => n.startsWith('temporal') && !n.endsWith('.downloading'));
  return name === undefined ? undefined : join(where, name);
}

/**
 * Has the SDK download the Temporal CLI, in a process of its own: the SDK's native addon stays out
 * of `dray`, and a download that hangs can be ended. @throws Error in words when it cannot
 */
export async function downloadBySdk(): Promise<string> {
  await installOnce(directory(), async (temporary) => {
    const program = nodeProgram('./sdk-download-process', import.meta.url);
    const args = [...program, temporary, String(PATIENCE_SECONDS)];
    const result = await execa(process.execPath, args, {
      reject: false,
      timeout: (PATIENCE_SECONDS + START_SECONDS) * 1000,
      killSignal: 'SIGKILL',
      stdin: 'ignore',
    });
    // The SDK gives up early on what it starts: the file counts.
    if ((await findSdkProgram(temporary)) !== undefined) return;
    throw new Error(result.stderr.trim().split('\n').at(-1) || 'the download failed');
  });
  const program = await findSdkProgram();
  if (program === undefined) throw new Error('the download left no program');
  return program;
}
