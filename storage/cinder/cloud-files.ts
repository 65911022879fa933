import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DrayError } from '../../contract/errors.ts';
import { errnoOf } from '../../system/atomic-file.ts';
import type { CloudEntry } from './cloud-entry.ts';
import { parseClouds, Unusable } from './clouds-yaml.ts';

const SUFFIXES = ['.yaml', '.yml', '.json'];

/** Without those that cannot be told, as a working directory that was removed. */
function directories(): string[] {
  const settings = process.env['XDG_CONFIG_HOME'];
  const places = [
    () => process.cwd(),
    ...(settings ? [() => join(settings, 'openstack')] : []),
    () => join(homedir(), '.config/openstack'),
    () => '/etc/openstack',
  ];
  return places.flatMap((place) => {
    try {
      return [place()];
    } catch {
      return [];
    }
  });
}

/** Where OpenStack's tools look, in their order; the first that is there counts. */
function placesOf(variable: string, base: string): string[] {
  const named = process.env[variable];
  const usual = directories().flatMap((at) => SUFFIXES.map((suffix) => join(at, base + suffix)));
  return [...(named ? [named] : []), ...usual];
}

type Found = { file: string; clouds: Record<string, CloudEntry> };

/** Nothing of what was thrown is handed on, as it may have content of the file in it. */
async function firstOf(cloud: string, files: string[]): Promise<Found | undefined> {
  for (const file of files) {
    try {
      return { file, clouds: parseClouds(await readFile(file, 'utf8')) };
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') continue;
      const because = error instanceof Unusable ? error.message : (errno ?? 'it cannot be read');
      throw new DrayError('CloudUnusable', { cloud, file, because });
    }
  }
  return undefined;
}

/** What clouds.yaml says of a cloud, with what secure.yaml adds. @throws CloudUnusable */
export async function readEntry(cloud: string): Promise<{ file: string; entry: CloudEntry }> {
  const open = await firstOf(cloud, placesOf('OS_CLIENT_CONFIG_FILE', 'clouds'));
  const secret = await firstOf(cloud, placesOf('OS_CLIENT_SECURE_FILE', 'secure'));
  const file = open?.file ?? 'clouds.yaml';
  const [entry, secured] = [open?.clouds[cloud], secret?.clouds[cloud]];
  if (entry === undefined) {
    const because = open === undefined ? 'there is none' : 'it has no such cloud';
    throw new DrayError('CloudUnusable', { cloud, file, because });
  }
  const auth = {
    ...(entry['auth'] as CloudEntry | undefined),
    ...(secured?.['auth'] as CloudEntry | undefined),
  };
  return { file, entry: { ...entry, ...secured, auth } };
}
