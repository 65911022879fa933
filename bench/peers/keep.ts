import { readFile, writeFile } from 'node:fs/promises';
import type { PeerRun } from './targets.ts';

/** What earlier runs have kept in a file, nothing where there is none. */
export async function readKept(file: string | undefined): Promise<PeerRun> {
  const text = file === undefined ? undefined : await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? { samples: [] } : (JSON.parse(text) as PeerRun);
}

export async function keep(file: string | undefined, run: PeerRun): Promise<void> {
  if (file !== undefined) await writeFile(file, JSON.stringify(run));
}
