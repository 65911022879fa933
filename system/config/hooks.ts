import { readFile } from 'node:fs/promises';
import { DrayError } from '../../contract/errors.ts';
import type { HookEvent } from '../../contract/hooks.ts';
import type { Config } from './schema.ts';

/** A webhook with the secret that its messages are signed with. */
export type Hook = { name: string; url: string; events: readonly HookEvent[]; secret: Buffer };

const SECRET = /^whsec_([A-Za-z0-9+/]+={0,2})$/;
/** As Standard Webhooks wants it. */
const [LEAST_BYTES, MOST_BYTES] = [24, 64];

async function readSecret(hook: string, file: string): Promise<Buffer> {
  const unusable = (because: string): DrayError =>
    new DrayError('HookSecretUnusable', { hook, file, because });
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw unusable((error as Error).message);
  });
  const [, base64] = SECRET.exec(text.trim()) ?? [];
  if (base64 === undefined) throw unusable('it is not whsec_ and base64');
  const secret = Buffer.from(base64, 'base64');
  if (secret.length >= LEAST_BYTES && secret.length <= MOST_BYTES) return secret;
  throw unusable(`it has ${secret.length} bytes, not ${LEAST_BYTES} to ${MOST_BYTES}`);
}

/** The webhooks of the configuration with their secrets. @throws HookSecretUnusable */
export async function openHooks({ hooks }: Pick<Config, 'hooks'>): Promise<Hook[]> {
  return Promise.all(
    Object.entries(hooks).map(async ([name, { url, events, secretFile }]) => {
      return { name, url, events, secret: await readSecret(name, secretFile) };
    }),
  );
}
