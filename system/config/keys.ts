import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DrayError } from '../../contract/errors.ts';
import { createExclusive, errnoOf, writeAtomic } from '../atomic-file.ts';

/** A sealing key: 32 bytes for AES-256-GCM. */
export type SealingKey = { id: string; bytes: Buffer };

const KEY_BYTES = 32;
const CURRENT = 'current';
const KEY_ID = /^[0-9a-f]{16}$/;

/** Where a host has its keys. */
export function keysDirectory({ stateDir }: { stateDir: string }): string {
  return join(stateDir, 'keys');
}

/** What `dray key export` prints and `dray key import` reads: `drayage-key:<id>:<base64>`. */
export function formatKey(key: SealingKey): string {
  return `drayage-key:${key.id}:${key.bytes.toString('base64')}`;
}

/** @throws BadOption when the text is not an exported key */
export function parseKey(text: string): SealingKey {
  const [word, id, base64] = text.trim().split(':');
  const bytes = Buffer.from(base64 ?? '', 'base64');
  if (word !== 'drayage-key' || !KEY_ID.test(id ?? '') || bytes.length !== KEY_BYTES) {
    throw new DrayError('BadOption', { option: 'key', because: 'not a key from dray key export' });
  }
  return { id: id as string, bytes };
}

async function store(directory: string, key: SealingKey): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  await createExclusive(join(directory, `${key.id}.key`), formatKey(key), 0o600);
  await writeAtomic(join(directory, CURRENT), key.id);
}

/** A new key, from now on the one that seals; older ones still open what they sealed. */
export async function createKey(directory: string): Promise<SealingKey> {
  const key = { id: randomBytes(8).toString('hex'), bytes: randomBytes(KEY_BYTES) };
  await store(directory, key);
  return key;
}

/** Takes over a key of another host and seals with it from now on. @throws BadOption */
export async function importKey(directory: string, text: string): Promise<SealingKey> {
  const key = parseKey(text);
  await store(directory, key);
  return key;
}

/** Ids of the keys in the directory. */
export async function listKeys(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names.filter((n) => n.endsWith('.key')).map((n) => n.slice(0, -'.key'.length));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** @throws KeyMissing */
export async function readKey(directory: string, keyId: string): Promise<SealingKey> {
  let key: SealingKey;
  try {
    key = parseKey(await readFile(join(directory, `${keyId}.key`), 'utf8'));
  } catch (error) {
    throw new DrayError('KeyMissing', { keyId }, { cause: error });
  }
  // What is sealed under an id that no file has could never be opened.
  if (key.id !== keyId) throw new DrayError('KeyMissing', { keyId });
  return key;
}

/** The key that seals. @throws KeyMissing */
export async function currentKey(directory: string): Promise<SealingKey> {
  const id = await readFile(join(directory, CURRENT), 'utf8').catch(() => '(none yet)');
  return readKey(directory, id.trim());
}
