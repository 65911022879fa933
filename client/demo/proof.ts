import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Crew } from './crew.ts';
import { findLeftovers } from './leftovers/look.ts';
import { digestOf } from './source-data.ts';
import { rawFile, type Stage } from './stage.ts';
import type { Voice } from './voice.ts';

/** Compares what really lies in the two files of the storage, past every device and export. */
export async function proveIdentical(stage: Stage, voice: Voice): Promise<boolean> {
  const source = await digestOf(rawFile(stage, stage.source));
  const destination = await digestOf(rawFile(stage, stage.destination));
  const identical = source === destination;
  voice.say(
    'proof',
    `SHA-256 of the source's file  ${source}`,
    `SHA-256 of the copy's file    ${destination}  ${identical ? 'identical' : 'DIFFERENT'}`,
  );
  return identical;
}

/** The tgtd that the backend started and keeps as long as its worker serves. */
async function managedTgtd({ root }: Stage): Promise<number[]> {
  try {
    const text = await readFile(join(root, 'tgtd', 'process.json'), 'utf8');
    return [(JSON.parse(text) as { pid: number }).pid];
  } catch {
    // File storage has none; one that is missing on iSCSI shows when it is asked for its targets.
    return [];
  }
}

/** What the copy left while server, storage and worker still run. */
export async function lookWhileServing(stage: Stage, crew: Crew): Promise<string[]> {
  return findLeftovers(stage, new Set([...crew.pids(), ...(await managedTgtd(stage))]));
}
