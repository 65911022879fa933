/** `npm run docs`: writes the pages of docs/ that are made from the code. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pages } from './docs/pages.ts';

for (const [name, page] of Object.entries(pages)) {
  await writeFile(join(import.meta.dirname, '..', 'docs', name), page());
}
