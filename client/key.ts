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
import { DrayError } from '../contract/errors.ts';
import { perform } from './command.ts';

async function readKeyText(file: string | undefined): Promise<string> {
  try {
    return file === undefined ? await readAll(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    const because = (error as Error).message;
    throw new DrayError('BadOption', { option: 'key import', because }, { cause: error });
  }
}

/** `dray key`: the keys that seal connection info on its way through Temporal. */
export function addKeyCommand(program: Command): void {
  const key = program.command('key').description('the keys that seal secrets in Temporal');
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
    .action(
      perform(async ({ config }, _options, id?: string) => {
        const directory = keysDirectory(config);
        const found = await (id === undefined ? currentKey(directory) : readKey(directory, id));
        const text = formatKey(found);
        return { json: { id: found.id, key: text }, text };
      }),
    );
  key
    .command('import')
    .argument('[file]', 'file with an exported key (default: standard input)')
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
        const keys = ids.map((id) => ({ id, seals: id === current }));
        const text = keys.map(({ id, seals }) => (seals ? `${id}  seals` : id)).join('\n');
        return { json: keys, text };
      }),
    );
}
