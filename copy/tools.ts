import { isOnPath } from '../system/on-path.ts';
import { toolMissing } from '../system/run.ts';

/** Programs without which nothing is copied. */
export const COPY_TOOLS = ['dd', 'flock', 'setpriv'] as const;

/** Looks for programs on PATH before anything is written. @throws ToolMissing */
export async function requireTools(tools: readonly string[]): Promise<void> {
  for (const tool of tools) if (!(await isOnPath(tool))) throw toolMissing(tool);
}
