import { execa } from 'execa';
import { copyFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflows } from './bundle-workflows.ts';

const ROOT = join(import.meta.dirname, '..');

/** Programs of the compiled package. */
export type Programs = { dist: string; dray: string; worker: string };

/**
 * Compiles what is in the checkout into the directory, as the package is installed: neither a
 * stale build nor a TypeScript loader is measured, and nobody's build is disturbed.
 */
export async function compileInto(directory: string): Promise<Programs> {
  const dist = join(directory, 'dist');
  await copyFile(join(ROOT, 'package.json'), join(directory, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  // Types are the linter's business.
  await execa('tsc', ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', dist], {
    cwd: ROOT,
    preferLocal: true,
    localDir: ROOT,
  });
  await bundleWorkflows(join(dist, 'workflow-bundle.js'));
  return { dist, dray: join(dist, 'client', 'main.js'), worker: join(dist, 'worker.js') };
}
