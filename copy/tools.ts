import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { toolMissing } from '../system/run.ts';

/** Whether a program is on PATH. */
export async function isOnPath(tool: string): Promise<boolean> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      await access(join(directory, tool), constants.X_OK);
      return true;
    } catch {
      // Not in this directory: the next one may have it.
    }
  }
  return false;
}

/** Looks for programs on PATH before anything is written. @throws ToolMissing */
export async function requireTools(tools: readonly string[]): Promise<void> {
  for (const tool of tools) if (!(await isOnPath(tool))) throw toolMissing(tool);
}
