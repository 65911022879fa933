import { mkdir } from 'node:fs/promises';
import { unwritable } from './state-errors.ts';

/** For the worker alone; parents too. @throws StateUnwritable */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unwritable(path, error);
  }
}
