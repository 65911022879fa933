import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { forgetCaches, SETTLE_MILLISECONDS } from '../caches.ts';
import type { Stage } from '../stage.ts';
import {
  areEqual,
  type Content,
  CONTENTS,
  fillSource,
  makeNew,
  makeOld,
  volumeBytes,
} from './contents.ts';
import { type Job, jobsFor } from './jobs.ts';
import type { PeerOptions } from './options.ts';
import { NoFigure } from './run-tool.ts';
import type { PeerSample } from './samples.ts';
import { delayOf, type Pair, type PeerStorage, withPair } from './storages.ts';

/** Where each request waits, what memory costs is nothing beside it. */
const SHORT_SETTLE_MILLISECONDS = 1_000;
/** Who reads the holes of a local file takes minutes for them, and says nothing more after these. */
const FILE_SPARSE_LIMIT_SECONDS = 20;
const LIMIT_SECONDS = 90;

/** All contents where they tell something new. */
export function contentsOn(storage: PeerStorage): readonly Content[] {
  return storage === 'delay-1ms' || storage === 'delay-5ms' ? ['dense'] : CONTENTS;
}

/** Random bytes that are no source's. */
async function makeOther(stage: Stage, sizeBytes: number): Promise<string> {
  const directory = join(stage.directory, 'old');
  await mkdir(directory, { recursive: true });
  const file = join(directory, 'old.raw');
  await fillSource(file, 'dense', sizeBytes, sizeBytes);
  return file;
}

async function measure(pair: Pair, old: string, { kind, measure }: Job) {
  const { files, content, sizeBytes, storage } = pair;
  const isLong = content === 'sparse' && storage === 'file';
  const limitSeconds = isLong ? FILE_SPARSE_LIMIT_SECONDS : LIMIT_SECONDS;
  if (content === 'dense') await makeOld(files.destination, sizeBytes, old);
  else await makeNew(files.destination, sizeBytes);
  const settle = delayOf(storage) > 0 ? SHORT_SETTLE_MILLISECONDS : SETTLE_MILLISECONDS;
  const paths = [...Object.values(files), pair.source, pair.destination, old];
  await forgetCaches(paths, settle);
  try {
    const cost = await measure(pair, limitSeconds);
    const isRight = kind === 'limit' || (await areEqual(files.source, files.destination));
    return isRight ? { cost } : { none: 'corrupt' };
  } catch (error) {
    if (error instanceof NoFigure) return { none: error.message };
    throw error;
  }
}

/**
 * Each tool once a round, in turned order every second one. What gave no figure is not tried again:
 * one that was stopped leaves tens of gigabytes to be freed, which the next one would wait for.
 */
export async function measurePeers(
  stage: Stage,
  storage: PeerStorage,
  options: PeerOptions,
  note: (text: string) => void,
): Promise<PeerSample[]> {
  const { sizeBytes: dataBytes } = options;
  const old = await makeOther(stage, dataBytes);
  const samples: PeerSample[] = [];
  for (const content of contentsOn(storage)) {
    const sizeBytes = volumeBytes(content, dataBytes, storage === 'file');
    await withPair(stage, { storage, content, sizeBytes }, async (pair) => {
      await fillSource(pair.files.source, content, sizeBytes, dataBytes);
      const jobs = jobsFor(stage, pair);
      const hopeless = new Set<string>();
      for (let round = 0; round < options.rounds; round += 1) {
        for (const job of round % 2 === 0 ? jobs : jobs.toReversed()) {
          const { tool, kind, isDirect } = job;
          if (hopeless.has(tool)) continue;
          note(`${storage}, ${content}, round ${round + 1}: ${tool}`);
          const found = await measure(pair, old, job);
          if ('none' in found) hopeless.add(tool);
          samples.push({ storage, content, sizeBytes, tool, kind, isDirect, round, ...found });
        }
      }
    });
  }
  return samples;
}
