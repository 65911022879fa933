import type { ReadPlan } from '../contract/verify.ts';
import {
  chooseMaxLanes,
  chooseMinRequestBytes,
  type ConfiguredLanes,
  configuredLanes,
} from './lane-limits.ts';
import { wholePages } from './lanes/alignment.ts';
import { chunkBytesOf, type Pair, rangeBytesOf, inspectEnds } from './plan.ts';
import { probeDirect } from './probe.ts';
import { REQUEST_BYTES } from './read-back.ts';
import { requireTools } from './tools.ts';

export type ReadPlanInput = Pair & { host: ConfiguredLanes };

/**
 * Looks at both ends and decides how they are read; refuses what cannot be compared.
 * @throws SameVolume, BadSize, DestinationTooSmall, ToolMissing, DeviceLost
 */
export async function planRead(input: ReadPlanInput): Promise<ReadPlan> {
  const { ends, volumes, host } = input;
  await requireTools(['dd', 'flock', 'setpriv']);
  await inspectEnds(input);
  const bytesTotal = ends.source.sizeBytes;
  const blockBytes = REQUEST_BYTES;
  const rangeBytes = rangeBytesOf('direct', bytesTotal, blockBytes);
  const configured = configuredLanes(host, volumes);
  const chunkBytes = chunkBytesOf({ bytesTotal, blockBytes, rangeBytes }, configured.value);
  const minRequestBytes = chooseMinRequestBytes(blockBytes, false);
  const probed = wholePages(bytesTotal);
  return {
    engine: { value: 'direct', because: 'only lanes read' },
    bytesTotal,
    blockBytes,
    rangeBytes,
    chunkBytes,
    minRequestBytes,
    maxLanes: chooseMaxLanes(configured, { rangeBytes, chunkBytes, minRequestBytes }),
    sourceDirect: await probeDirect(ends.source, 'source', probed, blockBytes),
    destinationDirect: await probeDirect(ends.destination, 'destination', probed, blockBytes),
  };
}
