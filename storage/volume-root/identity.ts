import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DrayError } from '../../contract/errors.ts';
import { createExclusive, errnoOf } from '../../system/atomic-file.ts';
import { makeDirectory } from '../../system/make-directory.ts';

async function readUuid(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    const because = (error as Error).message;
    throw new DrayError('StateDamaged', { path, because }, { cause: error });
  }
}

/** @throws ForeignRoot unless the root has exactly this uuid */
export async function checkRoot(root: string, expected: string): Promise<void> {
  const found = await readUuid(join(root, 'uuid'));
  if (found === expected) return;
  throw new DrayError('ForeignRoot', { path: root, found: found ?? 'no uuid', expected });
}

/**
 * Answers the uuid of a root. The first use makes one and remembers it in the worker's state
 * directory; from then on a root with another one or with none (its file system is not mounted)
 * is foreign.
 * @throws ForeignRoot, StateUnwritable
 */
export async function claimRoot(root: string, remembered: string): Promise<string> {
  const expected = await readUuid(remembered);
  if (expected !== undefined) {
    await checkRoot(root, expected);
    return expected;
  }
  await makeDirectory(root);
  const file = join(root, 'uuid');
  await createExclusive(file, `${randomUUID()}\n`, 0o644);
  const uuid = (await readUuid(file)) ?? '';
  await checkRoot(root, uuid);
  await makeDirectory(dirname(remembered));
  // Another backend object of the same name may have been first: its word counts.
  return (await createExclusive(remembered, `${uuid}\n`)) ? uuid : claimRoot(root, remembered);
}
