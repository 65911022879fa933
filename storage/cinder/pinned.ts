import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { DrayError } from '../../contract/errors.ts';
import { createExclusive, readJson } from '../../system/atomic-file.ts';
import { Exclusion } from '../../system/exclusion.ts';
import { type Auth, placeOf } from './session.ts';

const SUFFIX = '.project';
const exclusion = new Exclusion();

const readPlace = (file: string): Promise<string | undefined> => readJson(file, z.string());

/** Of the backends beside this one, whichever has that place. */
async function holderOf(place: string, file: string): Promise<string | undefined> {
  const directory = dirname(file);
  for (const name of await readdir(directory)) {
    if (!name.endsWith(SUFFIX) || name === basename(file)) continue;
    if ((await readPlace(join(directory, name))) === place) return basename(name, SUFFIX);
  }
  return undefined;
}

/**
 * Lets nobody into another project than the first one, which a file in `directory` remembers for
 * good: what was made in that one would count as gone in any other. Nor into one that another
 * backend has there: of two names, each would call foreign what the other one made.
 * @throws ForeignProject, ProjectShared
 */
export function pinned(backend: string, auth: Auth, directory: string): Auth {
  const file = join(directory, backend + SUFFIX);
  let expected: string | undefined;

  async function assertMine(found: string): Promise<void> {
    const first = (await readPlace(file)) ?? found;
    if (found !== first) throw new DrayError('ForeignProject', { backend, found, expected: first });
  }

  async function pin(found: string): Promise<void> {
    await assertMine(found);
    const other = await holderOf(found, file);
    if (other !== undefined) throw new DrayError('ProjectShared', { backend, found, other });
    await createExclusive(file, JSON.stringify(found));
    await assertMine(found);
    expected = found;
  }

  return {
    async session() {
      const session = await auth.session();
      const found = placeOf(session);
      if (found === expected) return session;
      try {
        // Two backends of this worker must not both find nobody there.
        await exclusion.run(directory, () => pin(found));
      } catch (error) {
        // Whoever mends the settings must not need a new worker.
        auth.forget(session);
        throw error;
      }
      return session;
    },
    forget: (refused) => auth.forget(refused),
  };
}
