import { bundleWorkflowCode } from '@temporalio/worker';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Writes the bundle that the installed worker loads, so that it starts without webpack at work.
 * The source map is part of it: stack traces in histories name the TypeScript.
 */
export async function bundleWorkflows(file: string): Promise<void> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(import.meta.dirname, '..', 'workflows', 'index.ts'),
  });
  await writeFile(file, code);
}
