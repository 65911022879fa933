import { execa } from 'execa';
import { renderBytes } from '../client/render/quantities.ts';
import { manageVolume } from '../client/temporal/manage-volume.ts';
import { attachBare, type BareDevices } from './bare-devices.ts';
import { timeBareDd } from './bare-dd.ts';
import { forgetCaches } from './caches.ts';
import { timeDrayCopy } from './dray-copy.ts';
import type { BenchOptions, Storage } from './options.ts';
import {
  type BlockSize,
  ddTool,
  DIRECT_TOOL,
  drayTool,
  FILE_TOOL,
  type Sample,
} from './samples.ts';
import { DESTINATION, rawFile, SOURCE, type Stage } from './stage.ts';

type Measured = Pick<Sample, 'work' | 'tool' | 'seconds'>[];
type Job = { tool: string; measure: () => Promise<Measured> };

/** Random data in both, so that no tool finds zeros to leave out and no block is written anew. */
export async function makeVolumes(
  stage: Stage,
  storage: Storage,
  ids: readonly string[],
  sizeBytes: number,
): Promise<void> {
  for (const id of ids) {
    const volume = { backend: storage, id };
    await manageVolume(stage.config, { verb: 'create', volume, sizeBytes });
    const to = [`of=${rawFile(stage, storage, id)}`, 'bs=4M', `count=${sizeBytes}`];
    const how = ['iflag=count_bytes,fullblock', 'conv=notrunc,fdatasync'];
    await execa('dd', ['if=/dev/urandom', ...to, ...how], { stdin: 'ignore' });
  }
}

/** What is compared with each other stands in one group, so that it is measured side by side. */
function jobsOf(stage: Stage, storage: Storage, bare: BareDevices, size: string): Job[][] {
  const dray = (tool: string, ...options: string[]): Job => ({
    tool,
    measure: async () => {
      const { wall, copyData, verifyCopy } = await timeDrayCopy(stage, storage, options);
      return [
        { work: `copy ${size}`, tool, seconds: copyData },
        { work: `verify ${size}`, tool, seconds: verifyCopy },
        { work: `whole dray copy of ${size}`, tool, seconds: wall },
      ];
    },
  });
  const dd = (block: BlockSize): Job => ({
    tool: ddTool(block),
    measure: async () => [
      { work: `copy ${size}`, tool: ddTool(block), seconds: await timeBareDd(bare, block) },
    ],
  });
  const ours = (block: BlockSize): Job =>
    dray(drayTool(block), '--engine', 'dd', '--block-size', block);
  return [
    [dd('1M'), ours('1M'), dray(DIRECT_TOOL, '--engine', 'direct')],
    [dd('64M'), ours('64M')],
    [dray(FILE_TOOL, '--engine', 'file')],
  ];
}

/** In another order each round: a disk that gets slower with use then favours nobody. */
function inRound(groups: readonly Job[][], round: number): Job[] {
  const first = round % groups.length;
  const rotated = [...groups.slice(first), ...groups.slice(0, first)];
  return rotated.flatMap((group) => (round % 2 === 0 ? group : group.toReversed()));
}

/** Each tool once a round. */
export async function measureDataPath(
  stage: Stage,
  storage: Storage,
  options: BenchOptions,
  note: (text: string) => void,
): Promise<Sample[]> {
  await makeVolumes(stage, storage, [SOURCE, DESTINATION], options.sizeBytes);
  const bare = await attachBare(stage, storage);
  const files = [SOURCE, DESTINATION].map((id) => rawFile(stage, storage, id));
  const samples: Sample[] = [];
  try {
    const groups = jobsOf(stage, storage, bare, renderBytes(options.sizeBytes));
    for (let round = 0; round < options.rounds; round += 1) {
      for (const { tool, measure } of inRound(groups, round)) {
        note(`${storage}, round ${round + 1} of ${options.rounds}: ${tool}`);
        await forgetCaches(files);
        for (const measured of await measure()) samples.push({ storage, round, ...measured });
      }
    }
  } finally {
    await bare.detach();
  }
  return samples;
}
