import { expect, it } from 'vitest';
import type { CopyPlan } from '../../contract/copy.ts';
import { chooseMaxLanes, chooseMaxRequestBytes, readLimits } from '../../copy/lane-limits.ts';
import { ALIGNMENT } from '../../copy/lanes/alignment.ts';
import type { LaneLimits } from '../../copy/lanes/climb.ts';
import { chunkBytesOf, rangeBytesOf } from '../../copy/plan.ts';
import { MIB } from './rig.ts';
import { SimulatedCopy } from './simulated-device.ts';

const NOWHERE = { path: '/dev/null', sizeBytes: 0, accessMode: 'rw' } as const;

async function limitsOf(lanes: number, bytesTotal: number, minRequestBytes: number) {
  const blockBytes = MIB;
  const rangeBytes = rangeBytesOf('direct', bytesTotal, blockBytes);
  const chunkBytes = chunkBytesOf({ bytesTotal, rangeBytes, blockBytes }, lanes);
  const asked = { value: lanes, because: 'test' };
  const maxLanes = chooseMaxLanes(asked, { rangeBytes, chunkBytes, minRequestBytes });
  const sizes = { blockBytes, chunkBytes, minRequestBytes, maxLanes };
  const { value: maxRequestBytes } = await chooseMaxRequestBytes(NOWHERE, false, sizes);
  const copy: LaneLimits = { maxLanes: maxLanes.value, minRequestBytes, maxRequestBytes };
  return { copy, read: readLimits({ ...sizes } as unknown as CopyPlan) };
}

/** Every length that a climb comes to. */
function lengthsOf(limits: LaneLimits): Set<number> {
  const lengths = new Set<number>();
  for (const latency of [0.1, 20]) {
    const simulated = new SimulatedCopy({ latency, bandwidth: 200_000 }, limits);
    simulated.run(100);
    for (const { requestBytes } of simulated.settings) lengths.add(requestBytes);
  }
  return lengths;
}

it.each([1, 3, 5, 7, 9, 13, 16, 21, 31, 32])(
  'requests of %d lanes end where the shortest may begin, whatever they come to',
  async (lanes) => {
    for (const bytesTotal of [3 * MIB, 40 * MIB, 177 * MIB, 2 ** 34]) {
      const { copy, read } = await limitsOf(lanes, bytesTotal, MIB / 4);
      for (const limits of [copy, read]) {
        for (const length of lengthsOf(limits)) {
          expect(length).toBeGreaterThanOrEqual(limits.minRequestBytes);
          expect(length).toBeLessThanOrEqual(limits.maxRequestBytes);
          expect(length % limits.minRequestBytes).toBe(0);
          expect(length % ALIGNMENT).toBe(0);
          expect(length * limits.maxLanes).toBeLessThanOrEqual(32 * MIB);
        }
      }
    }
  },
);
