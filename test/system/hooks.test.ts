import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HOOK_EVENTS } from '../../contract/hooks.ts';
import { openHooks } from '../../system/config/hooks.ts';
import { loadConfig } from '../../system/config/load.ts';

let directory: string;
beforeAll(async () => (directory = await mkdtemp(join(tmpdir(), 'dray-hooks-'))));
afterAll(() => rm(directory, { recursive: true }));

async function configured(settings: object): Promise<ReturnType<typeof loadConfig>> {
  const file = join(directory, 'config.yaml');
  await writeFile(file, JSON.stringify(settings));
  return loadConfig(file);
}

async function opened(secret: string): ReturnType<typeof openHooks> {
  const secretFile = join(directory, 'secret');
  await writeFile(secretFile, secret);
  return openHooks(await configured({ hooks: { pager: { url: 'http://h/', secretFile } } }));
}

it('reads the bytes behind whsec_, and is called for everything by default', async () => {
  const bytes = Buffer.alloc(32, 7);
  const [hook] = await opened(`whsec_${bytes.toString('base64')}\n`);
  expect(hook).toEqual({ name: 'pager', url: 'http://h/', events: HOOK_EVENTS, secret: bytes });
});

it.each([
  ['no secret', 'hunter2', /pager.*not whsec_ and base64/],
  ['a short one', `whsec_${Buffer.alloc(23).toString('base64')}`, /23 bytes, not 24 to 64/],
  ['a long one', `whsec_${Buffer.alloc(65).toString('base64')}`, /65 bytes, not 24 to 64/],
])('refuses %s without repeating it', async (_what, secret, words) => {
  const error = await opened(secret).catch((e: unknown) => e as Error);
  expect(error).toMatchObject({ code: 'HookSecretUnusable' });
  expect((error as Error).message).toMatch(words);
  expect((error as Error).message).not.toContain(secret.slice(6));
});

it('says which file of which hook cannot be read', async () => {
  const secretFile = join(directory, 'missing');
  const hooks = openHooks(await configured({ hooks: { p: { url: 'http://h/', secretFile } } }));
  await expect(hooks).rejects.toThrow(`the secret of hook p cannot be used: ${secretFile}`);
});

it.each([
  [
    { hooks: { p: { url: 'ftp://h/', secretFile: '/s' } } },
    /hooks\.p\.url: must be a URL with http/,
  ],
  [{ hooks: { p: { url: 'h', secretFile: '/s' } } }, /hooks\.p\.url: must be a URL with http/],
  [{ hooks: { p: { url: 'http://h/' } } }, /hooks\.p\.secretFile/],
  [{ hooks: { p: { url: 'http://h/', secretFile: '/s', events: ['no'] } } }, /hooks\.p\.events\.0/],
  [{ metrics: { listen: 'everywhere' } }, /metrics\.listen: must be IP-ADDRESS:PORT/],
])('refuses %j', async (settings, words) => {
  await expect(configured(settings)).rejects.toThrow(words);
});
