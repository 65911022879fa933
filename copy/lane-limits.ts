import type { Device } from '../contract/attachment.ts';
import type { CopyPlan, Reasoned } from '../contract/copy.ts';
import type { ReadPlan } from '../contract/verify.ts';
import type { Role, VolumeRef } from '../contract/volume.ts';
import { wholeTimes } from './lanes/alignment.ts';
import type { LaneLimits } from './lanes/climb.ts';
import { FUSE_REQUEST_BYTES, isQemuExport } from './probe.ts';

/** The most lanes of one copy, as configured: on this host, and with a backend of this name. */
export type ConfiguredLanes = { lanes: number; lanesOf: Readonly<Record<string, number>> };

const MIB = 2 ** 20;
const MIN_REQUEST_BYTES = MIB / 4;
const MAX_REQUEST_BYTES = 8 * MIB;
/** Memory for the requests of all lanes of a process. */
const BUFFER_BYTES = 32 * MIB;

function least(most: readonly Reasoned<number>[]): Reasoned<number> {
  return most.reduce((least, other) => (other.value < least.value ? other : least));
}

export function configuredLanes(
  { lanes, lanesOf }: ConfiguredLanes,
  volumes: Partial<Record<Role, VolumeRef>>,
): Reasoned<number> {
  return least([
    { value: lanes, because: 'as many as this host allows' },
    ...Object.values(volumes).map(({ backend: name }) => {
      return { value: lanesOf[name] ?? lanes, because: `as many as backend ${name} allows` };
    }),
  ]);
}

/** Fewer than configured where the chunks of more would not fit the window, or their requests memory. */
export function chooseMaxLanes(
  configured: Reasoned<number>,
  sizes: Pick<CopyPlan, 'rangeBytes' | 'chunkBytes' | 'minRequestBytes'>,
): Reasoned<number> {
  const { rangeBytes, chunkBytes, minRequestBytes } = sizes;
  const atMost = (bytes: number, each: number): number => Math.max(1, Math.floor(bytes / each));
  return least([
    configured,
    { value: atMost(rangeBytes, chunkBytes), because: 'more chunks may not be in doubt at a time' },
    { value: atMost(BUFFER_BYTES, minRequestBytes), because: 'more requests take too much memory' },
  ]);
}

/** Bytes that a request may be shortened to: one whose size was asked for stays as it is. */
export function chooseMinRequestBytes(blockBytes: number, isAskedFor: boolean): number {
  return isAskedFor ? blockBytes : Math.min(blockBytes, MIN_REQUEST_BYTES);
}

/** Times the shortest request, so that one of any length ends where the shortest may begin. */
function longestOf(
  maxLanes: number,
  chunkBytes: number,
  minRequestBytes: number,
): Reasoned<number> {
  const share = BUFFER_BYTES / maxLanes;
  const { value, because } = least([
    { value: MAX_REQUEST_BYTES, because: 'longer ones are not tried' },
    { value: share, because: `longer ones of ${maxLanes} lanes take too much memory` },
    { value: chunkBytes, because: 'a chunk has no more bytes' },
  ]);
  return { value: wholeTimes(value, minRequestBytes), because };
}

/** How long a request may become. @throws DeviceLost */
export async function chooseMaxRequestBytes(
  destination: Device,
  isDirect: boolean,
  sizes: Pick<CopyPlan, 'blockBytes' | 'chunkBytes' | 'minRequestBytes' | 'maxLanes'>,
): Promise<Reasoned<number>> {
  const { blockBytes, chunkBytes, minRequestBytes, maxLanes } = sizes;
  if (minRequestBytes === blockBytes) return { value: blockBytes, because: 'asked for' };
  const longest = longestOf(maxLanes.value, chunkBytes, minRequestBytes);
  if (!isDirect || !(await isQemuExport(destination, 'destination'))) return longest;
  const because = "qemu's FUSE export mixes up longer direct writes";
  return least([{ value: FUSE_REQUEST_BYTES, because }, longest]);
}

/** Of the engine `direct`. */
export function copyLimits(plan: CopyPlan): LaneLimits {
  const { maxLanes, minRequestBytes, maxRequestBytes } = plan;
  return { maxLanes: maxLanes.value, minRequestBytes, maxRequestBytes: maxRequestBytes.value };
}

/** Of verify, which only reads. */
export function readLimits({ maxLanes: { value: maxLanes }, chunkBytes }: ReadPlan): LaneLimits {
  const minRequestBytes = Math.min(MIN_REQUEST_BYTES, chunkBytes);
  const { value: maxRequestBytes } = longestOf(maxLanes, chunkBytes, minRequestBytes);
  return { maxLanes, minRequestBytes, maxRequestBytes };
}
