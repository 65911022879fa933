/** `npm run build`: dist/ from nothing, with the workflows bundled for the worker. */
import { execa } from 'execa';
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflows } from './bundle-workflows.ts';

const root = join(import.meta.dirname, '..');

await rm(join(root, 'dist'), { recursive: true, force: true });
await execa('tsc', ['-p', 'tsconfig.build.json'], {
  cwd: root,
  preferLocal: true,
  localDir: root,
  stdio: 'inherit',
});
await bundleWorkflows(join(root, 'dist', 'workflow-bundle.js'));
await chmod(join(root, 'dist', 'client', 'main.js'), 0o755);
