import type { Storage } from './options.ts';

/** One measurement. */
export type Sample = {
  storage: Storage;
  /** What was done, for example `copy 2 GiB`. */
  work: string;
  /** What did it, for example `dd bs=1M`. */
  tool: string;
  /** Measurements of one round were made side by side: only they are compared. */
  round: number;
  seconds: number;
};

/** The tool that all others are compared with, and its work. */
export const BASE_TOOL = 'dd bs=1M';

export type BlockSize = '1M' | '64M';

export const ddTool = (block: BlockSize): string => `dd bs=${block}`;
export const drayTool = (block: BlockSize): string => `dray, engine dd, ${block}`;
export const DIRECT_TOOL = 'dray, engine direct';
export const FILE_TOOL = 'dray, engine file';
