import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Whether a program is on PATH. */
export async function isOnPath(tool: string): Promise<boolean> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    try {
      await access(join(directory, tool), constants.X_OK);
      return true;
    } catch {
      // Not in this directory: the next one may have it.
    }
  }
  return false;
}
