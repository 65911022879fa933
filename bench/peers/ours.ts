import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CopyOptions } from '../../contract/copy.ts';
import { timeDrayCopy } from '../dray-copy.ts';
import type { Storage } from '../options.ts';
import type { Stage } from '../stage.ts';
import type { BareCopy } from './bare-engine.ts';
import { type Cost, costOf, cpuOf } from './cost.ts';
import { runLimited } from './run-tool.ts';
import type { Pair } from './storages.ts';

/** One way to copy with Drayage: the bare engine's options, and those of the whole command. */
export type Variant = {
  name: string;
  options: CopyOptions;
  /** Missing where there is no such command. */
  flags?: string[];
  /** Default: true. */
  digests?: boolean;
};

/** What the targets are about. */
export const JUDGED = 'engine direct';
/** The same without digests, which tells what they cost. */
export const UNDIGESTED = 'engine direct without digests';

export const VARIANTS: readonly Variant[] = [
  { name: 'engine dd', options: { engine: 'dd' }, flags: ['--engine', 'dd'] },
  { name: JUDGED, options: { engine: 'direct' }, flags: ['--engine', 'direct'] },
  { name: UNDIGESTED, options: { engine: 'direct' }, digests: false },
  {
    name: 'engine direct, verify written',
    options: { engine: 'direct', verify: 'written' },
    flags: ['--engine', 'direct', '--verify', 'written'],
  },
];

const PROGRAM = join(import.meta.dirname, 'bare-engine.ts');

/** argv of the bare engine. */
export function bareEngine(
  stage: Stage,
  pair: Pair,
  { options, digests = true }: Pick<Variant, 'options' | 'digests'>,
): string[] {
  const job: BareCopy = {
    dist: stage.programs.dist,
    stateDirectory: bareState(stage),
    source: pair.source,
    destination: pair.destination,
    sizeBytes: pair.sizeBytes,
    readsAsZeros: pair.content !== 'dense',
    options,
    digests,
    lanes: stage.config.copy.lanes,
  };
  const loader = import.meta.resolve('tsx');
  return [process.execPath, '--import', loader, PROGRAM, JSON.stringify(job)];
}

/** Where the bare engine has its checkpoints. */
export const bareState = (stage: Stage): string => join(stage.directory, 'bare-state');

/** @throws NoFigure */
export async function timeBareEngine(
  stage: Stage,
  pair: Pair,
  variant: Variant,
  seconds: number,
): Promise<Cost> {
  await rm(bareState(stage), { recursive: true, force: true });
  return JSON.parse(await runLimited(bareEngine(stage, pair, variant), seconds)) as Cost;
}

/** The command as its user waits for it; CPU is the command's and the worker's. */
export async function timeWholeCopy(
  stage: Stage,
  storage: Storage,
  flags: string[],
): Promise<Cost> {
  const worker = cpuOf(stage.worker.pid);
  const { cpuSeconds, seconds } = await costOf(() => timeDrayCopy(stage, storage, flags));
  return { seconds, cpuSeconds: cpuSeconds + cpuOf(stage.worker.pid) - worker };
}
