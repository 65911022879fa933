import type { Command } from 'commander';
import { text as readAll } from 'node:stream/consumers';
import { readFile } from 'node:fs/promises';
import {
  createKey,
  currentKey,
  formatKey,
  importKey,
  keysDirectory,
  listKeys,
  readKey,
} from '../system/config/keys.ts';
import { findSigningKey, publicPem, signingKey } from '../system/config/signing.ts';
import { DrayError } from '../contract/errors.ts';
import { type Outcome, perform } from './command.ts';

async function readKeyText(file: string | undefined): Promise<string> {
  try {
    const isPiped = file === undefined || file === '-';
    return isPiped ? await readAll(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    const because = (error as Error).message;
    throw new DrayError('BadOption', { option: 'key import', because }, { cause: error });
  }
}

/** What a key is for now: an older sealing key only opens. */
function usesOf(uses: Record<string, boolean>): string[] {
  return Object.entries(uses).flatMap(([use, isSo]) => (isSo ? [use] : []));
}

/** Made here where there is none yet, so that it can be handed out before the first copy. */
async function exportPublic(directory: string): Promise<Outcome> {
  const key = await signingKey(directory);
  const publicKey = publicPem(key);
  return { json: { id: key.id, publicKey }, text: publicKey };
}

/**
 * `dray key`: the keys that seal connection info on its way through Temporal, and the one that
 * signs this host's certificates.
 */
export function addKeyCommand(program: Command): void {
  const key = program
    .command('key')
    .description('the keys that seal secrets in Temporal, and the one that signs certificates');
  key
    .command('create')
    .description('make a new key; from now on it seals, older ones still open')
    .action(
      perform(async ({ config }) => {
        const { id } = await createKey(keysDirectory(config));
        return { json: { id }, text: id };
      }),
    );
  key
    .command('export')
    .argument('[id]', 'key id (default: the key that seals)')
    .description('print a key, for `dray key import` on another host; keep it secret')
    .option('--public', 'instead: the public key of the certificates that this host signs')
    .action(
      perform<{ public?: true }>(async ({ config }, options, id?: string) => {
        const directory = keysDirectory(config);
        if (options.public === true) return exportPublic(directory);
        const found = await (id === undefined ? currentKey(directory) : readKey(directory, id));
        const text = formatKey(found);
        return { json: { id: found.id, key: text }, text };
      }),
    );
  key
    .command('import')
    .argument('[file]', 'file with an exported key; -, the default: standard input')
    .description('take over a key of another host and seal with it from now on')
    .action(
      perform(async ({ config }, _options, file?: string) => {
        const { id } = await importKey(keysDirectory(config), await readKeyText(file));
        return { json: { id }, text: id };
      }),
    );
  key
    .command('list')
    .description('list the ids of the keys of this host')
    .action(
      perform(async ({ config }) => {
        const directory = keysDirectory(config);
        const ids = await listKeys(directory);
        const current = ids.length === 0 ? undefined : (await currentKey(directory)).id;
        const signing = await findSigningKey(directory);
        const keys = [
          ...ids.map((id) => ({ id, seals: id === current })),
          ...(signing === undefined ? [] : [{ id: signing.id, signs: true }]),
        ];
        const text = keys.map(({ id, ...uses }) => [id, ...usesOf(uses)].join('  ')).join('\n');
        return { json: keys, text };
      }),
    );
}
