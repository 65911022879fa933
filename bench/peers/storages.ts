import type { Stage } from '../stage.ts';
import type { Content } from './contents.ts';
import { openDelay } from './delay.ts';
import { openLoop } from './loop.ts';
import { endTool } from './run-tool.ts';
import { openStaged } from './staged.ts';

export const PEER_STORAGES = [
  'file',
  'loop',
  'iscsi',
  'delay-1ms',
  'delay-2ms',
  'delay-5ms',
] as const;
export type PeerStorage = (typeof PEER_STORAGES)[number];

/** Two paths that a tool copies between, and the files that lie below them. */
export type Pair = {
  storage: PeerStorage;
  content: Content;
  sizeBytes: number;
  source: string;
  destination: string;
  files: { source: string; destination: string };
  /** Leaves nothing of it but files in the stage's directory. */
  close: () => Promise<void>;
};

export type PairWish = Pick<Pair, 'storage' | 'content' | 'sizeBytes'>;

/** Milliseconds that the storage waits in each request. */
export function delayOf(storage: PeerStorage): number {
  return Number(/^delay-(\d+)ms$/.exec(storage)?.[1] ?? 0);
}

async function openPair(stage: Stage, wish: PairWish): Promise<Pair> {
  const { storage } = wish;
  if (storage === 'file' || storage === 'iscsi') return openStaged(stage, storage, wish);
  return storage === 'loop' ? openLoop(stage, wish) : openDelay(stage, wish, delayOf(storage));
}

/** Both volumes, empty as they were created and attached as the storage does it, for an act. */
export async function withPair<T>(
  stage: Stage,
  wish: PairWish,
  act: (pair: Pair) => Promise<T>,
): Promise<T> {
  const pair = await openPair(stage, wish);
  stage.atEnd.push(async () => {
    await endTool();
    await pair.close();
  });
  try {
    const result = await act(pair);
    await pair.close();
    return result;
  } catch (error) {
    // Why it failed matters more than what it has left, which the end of the stage takes away.
    await pair.close().catch(() => undefined);
    throw error;
  } finally {
    stage.atEnd.pop();
  }
}
