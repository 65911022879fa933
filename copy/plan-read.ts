import type { Device } from '../contract/attachment.ts';
import type { Reasoned } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import type { CertifiedBytes, ReadEnds, ReadPlan } from '../contract/verify.ts';
import { formatVolume, type Role, type VolumeRef } from '../contract/volume.ts';
import type { Grid } from './chunk-map.ts';
import { inspectEnd } from './end-state.ts';
import {
  chooseMaxLanes,
  chooseMinRequestBytes,
  type ConfiguredLanes,
  configuredLanes,
} from './lane-limits.ts';
import { wholePages } from './lanes/alignment.ts';
import { chunkBytesOf, inspectEnds, type Pair, rangeBytesOf } from './plan.ts';
import { probeDirect } from './probe.ts';
import { REQUEST_BYTES } from './read-back.ts';
import { COPY_TOOLS, requireTools } from './tools.ts';

/** One volume, and what a certificate says of it. */
type Certified = {
  ends: { destination: Device };
  volumes: { destination: VolumeRef };
  certificate: CertifiedBytes;
};

export type ReadPlanInput = (Pair | Certified) & { host: ConfiguredLanes };

/** Both volumes have a grid of their own choice; a certificate has been made with one. */
async function chooseGrid(input: ReadPlanInput, lanes: number): Promise<Grid> {
  if (!('certificate' in input)) {
    await inspectEnds(input);
    const { sizeBytes: bytesTotal } = input.ends.source;
    const blockBytes = REQUEST_BYTES;
    const rangeBytes = rangeBytesOf('direct', bytesTotal, blockBytes);
    return { bytesTotal, chunkBytes: chunkBytesOf({ bytesTotal, blockBytes, rangeBytes }, lanes) };
  }
  const { ends, volumes, certificate } = input;
  const { bytesTotal, chunkBytes } = certificate;
  const { sizeBytes } = await inspectEnd(ends.destination, 'destination');
  if (sizeBytes < bytesTotal) {
    const volume = formatVolume(volumes.destination);
    throw new DrayError('CertificateTooLarge', { volume, volumeBytes: sizeBytes, bytesTotal });
  }
  return { bytesTotal, chunkBytes };
}

async function probe(ends: ReadEnds, role: Role, grid: Grid): Promise<Reasoned<boolean>> {
  const device = ends[role];
  if (device === undefined) return { value: false, because: 'there is none' };
  const { bytesTotal, chunkBytes } = grid;
  if (wholePages(chunkBytes) !== chunkBytes) {
    return { value: false, because: `chunks of ${chunkBytes} bytes are not whole pages` };
  }
  return probeDirect(device, role, wholePages(bytesTotal), REQUEST_BYTES);
}

/**
 * Looks at the ends and decides how they are read; refuses what cannot be compared.
 * @throws SameVolume, BadSize, DestinationTooSmall, CertificateTooLarge, ToolMissing, DeviceLost
 */
export async function planRead(input: ReadPlanInput): Promise<ReadPlan> {
  const { ends, volumes, host } = input;
  await requireTools(COPY_TOOLS);
  const configured = configuredLanes(host, volumes);
  const grid = await chooseGrid(input, configured.value);
  const blockBytes = REQUEST_BYTES;
  const rangeBytes = rangeBytesOf('direct', grid.bytesTotal, blockBytes);
  const minRequestBytes = chooseMinRequestBytes(blockBytes, false);
  const sizes = { rangeBytes, chunkBytes: grid.chunkBytes, minRequestBytes };
  return {
    engine: { value: 'direct', because: 'only lanes read' },
    ...grid,
    blockBytes,
    rangeBytes,
    minRequestBytes,
    maxLanes: chooseMaxLanes(configured, sizes),
    sourceDirect: await probe(ends, 'source', grid),
    destinationDirect: await probe(ends, 'destination', grid),
  };
}
