import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { examineKeys } from '../../system/config/examine-keys.ts';
import { createKey, formatKey, importKey, readKey } from '../../system/config/keys.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-keys-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const SEALS_NO_MORE = {
  ...{ check: 'host.keys', state: 'wrong' },
  sentence: 'the key that seals is lost; the last one stored can take its place',
};

/** Three keys, the last of which seals; stored a minute apart. */
async function threeKeys(): Promise<[string, string, string]> {
  const store = async (minute: number): Promise<string> => {
    const { id } = await createKey(directory);
    await utimes(join(directory, `${id}.key`), minute * 60, minute * 60);
    return id;
  };
  return [await store(1), await store(2), await store(3)];
}

it('where it is lost which key seals, the last one does again, and no new one', async () => {
  const [, , last] = await threeKeys();
  await rm(join(directory, 'current'));
  const mend = `dray key export ${last} | dray key import`;
  expect(await examineKeys(directory, true)).toEqual([{ ...SEALS_NO_MORE, mend }]);

  await importKey(directory, formatKey(await readKey(directory, last)));
  expect(await examineKeys(directory, true)).toMatchObject([{ state: 'ok' }]);
});

it('where the key that seals is lost, the one before it takes its place', async () => {
  const [, before, last] = await threeKeys();
  await rm(join(directory, `${last}.key`));
  const mend = `dray key export ${before} | dray key import`;
  expect(await examineKeys(directory, true)).toEqual([{ ...SEALS_NO_MORE, mend }]);
});

it('a host without a key is told where keys come from, if it needs one', async () => {
  const needed = { state: 'wrong', sentence: expect.stringContaining('import') as string };
  const mend = 'dray key create';
  expect(await examineKeys(directory, true)).toMatchObject([{ ...needed, mend }]);
  expect(await examineKeys(directory, false)).toMatchObject([{ state: 'unneeded' }]);
});
