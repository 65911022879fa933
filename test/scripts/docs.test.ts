import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { settings } from '../../scripts/docs/configuration.ts';
import { pages } from '../../scripts/docs/pages.ts';
import { meanings } from '../../scripts/docs/setting-meanings.ts';

it.each(Object.entries(pages))('docs/%s is what `npm run docs` writes', async (name, page) => {
  const file = join(import.meta.dirname, '../../docs', name);
  expect(await readFile(file, 'utf8')).toBe(page());
});

it('every setting has a meaning, and no meaning is of a setting that is gone', () => {
  expect(Object.keys(meanings).sort()).toEqual(
    settings()
      .map(({ key }) => key)
      .sort(),
  );
});
