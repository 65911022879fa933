import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { failed, type Finding, unneeded, well, wrong } from '../../contract/examination.ts';
import { DrayError } from '../../contract/errors.ts';
import { errnoOf } from '../atomic-file.ts';
import { currentKey, listKeys, readKey } from './keys.ts';
import { findSigningKey } from './signing.ts';

const CHECK = 'host.keys';
/** Permission bits that let others than the owner read or change a key. */
const OPEN_TO_OTHERS = 0o077;

async function examineMode(path: string, kind: string, rightMode: string): Promise<Finding[]> {
  const { mode } = await stat(path);
  if ((mode & OPEN_TO_OTHERS) === 0) return [];
  const found = (mode & 0o777).toString(8);
  const sentence = `${kind} ${path} is open to others (mode ${found})`;
  return [wrong(CHECK, sentence, `chmod ${rightMode} ${path}`)];
}

async function examineModes(directory: string): Promise<Finding[]> {
  const names = await readdir(directory);
  const files = names.filter((name) => name.endsWith('.key') || name.endsWith('.pem'));
  const findings = await Promise.all([
    examineMode(directory, 'key directory', '700'),
    ...files.map((name) => examineMode(join(directory, name), 'key file', '600')),
  ]);
  return findings.flat();
}

/** What reading a key says of it: nothing when it can be read. */
async function unreadable(read: Promise<unknown>): Promise<Finding[]> {
  try {
    await read;
    return [];
  } catch (error) {
    if (!(error instanceof DrayError)) throw error;
    return [failed(CHECK, error)];
  }
}

/** The last one stored is the one that sealed: storing a key makes it the current one. */
async function lastStored(directory: string, ids: readonly string[]): Promise<string> {
  const stored = ids.map(async (id) => {
    const { mtimeMs } = await stat(join(directory, `${id}.key`));
    return { id, mtimeMs };
  });
  return (await Promise.all(stored)).reduce((a, b) => (b.mtimeMs > a.mtimeMs ? b : a)).id;
}

/** A key that is there takes the place of the lost one: a new one would be on no other host. */
async function examineSealing(directory: string, ids: readonly string[]): Promise<Finding[]> {
  const damaged = await Promise.all(ids.map((id) => unreadable(readKey(directory, id))));
  const readable = ids.filter((_, i) => damaged[i]?.length === 0);
  const missing = await unreadable(currentKey(directory));
  if (missing.length === 0 || readable.length === 0) return [...missing, ...damaged.flat()];
  const sentence = 'the key that seals is lost; the last one stored can take its place';
  const mend = `dray key export ${await lastStored(directory, readable)} | dray key import`;
  return [wrong(CHECK, sentence, mend), ...damaged.flat()];
}

const NO_KEY = 'there is no sealing key';

/**
 * Whether the keys are there and open to nobody else. `isNeeded`: whether secrets have to be sealed
 * for this host, as for every connection but a local one. Changes nothing.
 */
export async function examineKeys(directory: string, isNeeded: boolean): Promise<Finding[]> {
  try {
    const ids = await listKeys(directory);
    const found = ids.length === 0 ? [] : await examineModes(directory);
    if (ids.length > 0) found.push(...(await examineSealing(directory, ids)));
    found.push(...(await unreadable(findSigningKey(directory))));
    if (ids.length === 0) {
      const sentence = `${NO_KEY}: one host makes it, the others import it`;
      const needed = wrong(CHECK, sentence, 'dray key create');
      return [...found, isNeeded ? needed : unneeded(CHECK, NO_KEY)];
    }
    return found.length > 0
      ? found
      : [well(CHECK, `sealing keys readable by their owner alone: ${ids.join(', ')}`)];
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    const because = `the keys cannot be looked at: ${(error as Error).message}`;
    return [wrong(CHECK, because, `ls -ld ${directory} ${directory}/*`)];
  }
}
