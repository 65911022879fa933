import type {
  CopyEnds,
  CopyOptions,
  CopyPlan,
  EngineName,
  IoPriority,
  Reasoned,
} from '../contract/copy.ts';
import { parseBlockSize } from '../contract/block-size.ts';
import { DrayError } from '../contract/errors.ts';
import { engineAsked, MAX_LANE_REQUEST_BYTES } from '../contract/engine-asked.ts';
import { formatVolume, type Role, type VolumeRef } from '../contract/volume.ts';
import { slowestOf, type Timetable } from '../system/config/timetable.ts';
import { type EndState, inspectEnd } from './end-state.ts';
import {
  chooseMaxLanes,
  chooseMaxRequestBytes,
  chooseMinRequestBytes,
  type ConfiguredLanes,
  configuredLanes,
} from './lane-limits.ts';
import { wholePages } from './lanes/alignment.ts';
import { openRefusal, probedBytes, probeDirect } from './probe.ts';
import { chooseThrottle } from './throttle/throttle.ts';
import { COPY_TOOLS, requireTools } from './tools.ts';
import { chooseExtents, chooseZeros } from './zeros.ts';

/** Cinder's default of volume_dd_blocksize. */
const DEFAULT_BLOCK_SIZE = '1M';
const MIB = 2 ** 20;
/** What a crash may cost: of one program that flushes once a range, and of lanes that go on. */
const MAX_RANGE_BYTES = { dd: 256 * MIB, direct: 512 * MIB, file: 256 * MIB };
/** Lanes that wait for records are slowed down by less; under a limit they never come so far. */
const WINDOW_SECONDS = 2;
const [HALF, EIGHTH] = [2, 8];
const MAX_CHUNK_BYTES = 64 * MIB;
const MAX_SLOW_CHUNKS = 2 ** 18;
/** Chunks in a range, at least. */
const CHUNKS = 8;

/** What a host's configuration says of copies. */
export type HostCopySettings = ConfiguredLanes & {
  bytesPerSecond?: number;
  timetable?: Timetable;
  ionice?: IoPriority;
};

/** Two volumes and where they are. */
export type Pair = { ends: CopyEnds; volumes: Record<Role, VolumeRef> };

export type PlanInput = Pair & {
  destinationReadsAsZeros: boolean;
  encrypted: boolean;
  options: CopyOptions;
  /** The host's own settings; a limit and a priority where the options leave them open. */
  host: HostCopySettings;
};

/**
 * At most 256 MiB and an eighth of the volume, in whole requests, at least one. Of `direct` 512 MiB,
 * and up to half of the volume where two seconds under its limit are so much. Requests that are no
 * whole pages go through the page cache, both ways, so that no range has to end at a page.
 */
export function rangeBytesOf(
  engine: EngineName,
  bytesTotal: number,
  blockBytes: number,
  bytesPerSecond = Infinity,
): number {
  const window = Math.min(bytesTotal / HALF, bytesPerSecond * WINDOW_SECONDS);
  const part = Math.max(bytesTotal / EIGHTH, engine === 'direct' ? window : 0);
  const most = Math.floor(MAX_RANGE_BYTES[engine] / blockBytes);
  return Math.max(1, Math.min(Math.ceil(part / blockBytes), most)) * blockBytes;
}

/**
 * At most 64 MiB, an eighth of a range (of which each lane has one), and a second's worth, in whole
 * requests, at least one: and a slow copy of a large volume has no more than MAX_SLOW_CHUNKS.
 */
export function chunkBytesOf(
  plan: Pick<CopyPlan, 'bytesTotal' | 'rangeBytes' | 'blockBytes'>,
  lanes: number,
  bytesPerSecond = Infinity,
): number {
  const { blockBytes } = plan;
  const slow = Math.max(bytesPerSecond, plan.bytesTotal / MAX_SLOW_CHUNKS);
  const most = Math.min(MAX_CHUNK_BYTES, plan.rangeBytes / Math.max(CHUNKS, lanes), slow);
  return Math.max(1, Math.floor(most / blockBytes)) * blockBytes;
}

/**
 * Lanes where they can work. Plain file reads and writes for ends that dd cannot open, as Cinder has
 * it; the lanes open them in the same way and would fail as well.
 */
async function chooseEngine(
  ends: CopyEnds,
  blockBytes: number,
  asked: EngineName | 'auto',
): Promise<Reasoned<EngineName>> {
  if (asked !== 'auto') return { value: asked, because: 'asked for' };
  for (const { path } of [ends.source, ends.destination]) {
    const refusal = await openRefusal(path);
    if (refusal === undefined) continue;
    return { value: 'file', because: `dd cannot open ${path}: ${refusal}` };
  }
  if (wholePages(blockBytes) !== blockBytes) {
    return { value: 'dd', because: `lanes want whole pages, not requests of ${blockBytes} bytes` };
  }
  if (blockBytes > MAX_LANE_REQUEST_BYTES) {
    return {
      value: 'dd',
      because: `lanes want requests of at most ${MAX_LANE_REQUEST_BYTES} bytes`,
    };
  }
  return { value: 'direct', because: 'both ends can be opened, and requests are whole pages' };
}

function refuseSizes({ ends, volumes }: Pair): void {
  const [sourceBytes, destinationBytes] = [ends.source.sizeBytes, ends.destination.sizeBytes];
  const [source, destination] = [formatVolume(volumes.source), formatVolume(volumes.destination)];
  if (sourceBytes === 0) throw new DrayError('BadSize', { size: 0, because: `${source} is empty` });
  if (destinationBytes < sourceBytes) {
    const sizes = { destinationBytes, sourceBytes };
    throw new DrayError('DestinationTooSmall', { destination, source, ...sizes });
  }
}

/**
 * Looks at both ends and refuses what cannot be copied or compared.
 * @throws SameVolume, BadSize, DestinationTooSmall, DeviceLost
 */
export async function inspectEnds(pair: Pair): Promise<Record<Role, EndState>> {
  const { ends, volumes } = pair;
  refuseSizes(pair);
  const source = await inspectEnd(ends.source, 'source');
  const destination = await inspectEnd(ends.destination, 'destination');
  if (source.identity === destination.identity) {
    throw new DrayError('SameVolume', { volume: formatVolume(volumes.source) });
  }
  return { source, destination };
}

/**
 * Looks at both ends without changing either and decides how to copy; refuses what cannot work
 * before anything is written.
 * @throws BadOption, SameVolume, BadSize, DestinationTooSmall, BadBlockSize, ToolMissing, DeviceLost
 */
export async function planCopy(input: PlanInput): Promise<CopyPlan> {
  const { ends, volumes, options, host } = input;
  const blockBytes = parseBlockSize(options.blockSize ?? DEFAULT_BLOCK_SIZE);
  const ionice = options.ionice ?? host.ionice;
  // What a timetable says is looked up while the copy runs.
  const { timetable } = host;
  const fixed = timetable === undefined ? host.bytesPerSecond : undefined;
  const bytesPerSecond = options.bytesPerSecond ?? fixed;
  const slowest = bytesPerSecond ?? (timetable && slowestOf(timetable));
  await requireTools([...COPY_TOOLS, ...(ionice === undefined ? [] : ['ionice'])]);
  const { source, destination } = await inspectEnds(input);
  const bytesTotal = ends.source.sizeBytes;
  const engine = await chooseEngine(ends, blockBytes, engineAsked(options));
  const buffered = { value: false, because: 'the file engine goes through the page cache' };
  const probed = probedBytes(engine.value, bytesTotal);
  const probe = async (role: Role): Promise<Reasoned<boolean>> => {
    if (engine.value === 'file') return buffered;
    // A probe would not tell: where a file has a hole, direct reads come whatever their length.
    if (wholePages(blockBytes) !== blockBytes) {
      return { value: false, because: `requests of ${blockBytes} bytes are not whole pages` };
    }
    return probeDirect(ends[role], role, probed, blockBytes);
  };
  const [sourceDirect, destinationDirect] = await Promise.all([
    probe('source'),
    probe('destination'),
  ]);
  const direct = { source: sourceDirect.value, destination: destinationDirect.value };
  const rangeBytes = rangeBytesOf(engine.value, bytesTotal, blockBytes, slowest);
  const configured = configuredLanes(host, volumes);
  const sized = { bytesTotal, blockBytes, rangeBytes };
  const chunkBytes = chunkBytesOf(sized, configured.value, slowest);
  const minRequestBytes = chooseMinRequestBytes(blockBytes, options.blockSize !== undefined);
  const maxLanes = chooseMaxLanes(configured, { rangeBytes, chunkBytes, minRequestBytes });
  const sizes = { ...sized, chunkBytes, maxLanes, minRequestBytes };
  return {
    engine,
    ...sizes,
    maxRequestBytes: await chooseMaxRequestBytes(ends.destination, direct.destination, sizes),
    sourceDirect,
    destinationDirect,
    extents: await chooseExtents(engine.value, source.kind, ends.source),
    zeros: await chooseZeros(engine.value, { device: ends.destination, state: destination }, input),
    throttle: await chooseThrottle(ends, direct, engine.value, slowest !== undefined),
    ...(options.onReadError === undefined ? {} : { onReadError: options.onReadError }),
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    ...(ionice === undefined ? {} : { ionice }),
  };
}
