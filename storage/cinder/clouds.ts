import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { DrayError } from '../../contract/errors.ts';
import { errnoOf } from '../../system/atomic-file.ts';
import { type Cloud, cloudSchema } from './cloud.ts';
import { type CloudEntry, normalised } from './cloud-entry.ts';
import { readEntry } from './cloud-files.ts';
import { problemsOf } from './clouds-yaml.ts';

/** The name under which OpenStack's tools know what stands in the environment as OS_*. */
const ENVIRONMENT = 'envvars';

function fromEnvironment(): CloudEntry {
  const variables = Object.entries(process.env).filter(([name]) => name.startsWith('OS_'));
  return Object.fromEntries(variables.map(([name, v]) => [name.slice(3).toLowerCase(), v]));
}

/**
 * Reads how to log in to a cloud, anew each time, as OpenStack's tools do (openstacksdk,
 * configuration), and the CAs to trust there, in PEM.
 * @throws CloudUnusable, with nothing in it of what the files say
 */
export async function readCloud(name: string): Promise<{ cloud: Cloud; ca?: string }> {
  const { file, entry } =
    name === ENVIRONMENT ? { file: 'OS_*', entry: fromEnvironment() } : await readEntry(name);
  const unusable = (because: string): DrayError =>
    new DrayError('CloudUnusable', { cloud: name, file, because });
  const parsed = cloudSchema.safeParse(normalised(entry));
  if (!parsed.success) throw unusable(problemsOf(parsed.error));
  const { data: cloud } = parsed;
  if (cloud.cacert === undefined) return { cloud };
  try {
    const path = cloud.cacert.replace(/^~(?=\/)/, () => homedir());
    return { cloud, ca: await readFile(path, 'utf8') };
  } catch (error) {
    throw unusable(`cacert: ${errnoOf(error) ?? 'it cannot be read'}`);
  }
}
