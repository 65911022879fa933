import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { type CopyPlan, ENGINES } from '../../contract/copy.ts';
import { MAX_LANE_REQUEST_BYTES } from '../../contract/engine-asked.ts';
import { DrayError } from '../../contract/errors.ts';
import { readLimits } from '../../copy/lane-limits.ts';
import { ALIGNMENT } from '../../copy/lanes/alignment.ts';
import { planCopy, type PlanInput } from '../../copy/plan.ts';
import { plantedTools } from '../rig/planted.ts';
import { MIB, VOLUMES } from './rig.ts';

vi.mock('../../system/run.ts', async (real) => {
  const { plantingTools } = await import('../rig/planted.ts');
  return plantingTools(await real());
});
afterEach(() => plantedTools.clear());

const GIB = 2 ** 30;
const IN_DOUBT = 512 * MIB;
/** Memory for the requests of all lanes. */
const BUFFERS = 32 * MIB;

/** Both ends are files of this size; the destination is one of qemu's where that is said. */
function plant(sizeBytes: number, isServed: boolean): void {
  plantedTools.set('dd', () => ({}));
  plantedTools.set('stat', (args) => {
    const path = args.at(-1) ?? '';
    if (args.includes('--file-system')) return { stdout: isServed ? '65735546' : 'ef53' };
    if (args.includes('--format=%i')) return { stdout: '1' };
    return { stdout: `81a4 ${path.length} 1 0 ${sizeBytes}` };
  });
}

const blockSizes = fc.oneof(
  fc.constant(undefined),
  fc.integer({ min: 1, max: 1024 }).map((n) => `${n * 4}K`),
  fc.integer({ min: 1, max: 100 }).map((n) => `${n}M`),
  fc.integer({ min: 1, max: 2 ** 26 }).map(String),
);
const scales = fc.constantFrom(512, MIB, GIB, 1024 * GIB);
const asked = fc.record({
  bytesTotal: fc
    .tuple(fc.integer({ min: 1, max: 2000 }), scales, fc.nat(100))
    .map(([n, scale, sectors]) => n * scale + 512 * sectors),
  engine: fc.constantFrom('auto' as const, ...ENGINES),
  blockSize: blockSizes,
  bytesPerSecond: fc.option(fc.integer({ min: 1, max: 4 * GIB }), { nil: undefined }),
  lanes: fc.integer({ min: 1, max: 32 }),
  ofBackend: fc.integer({ min: 1, max: 32 }),
  isServed: fc.boolean(),
});

type Asked = typeof asked extends fc.Arbitrary<infer A> ? A : never;

async function planned(how: Asked): Promise<CopyPlan> {
  const { bytesTotal: sizeBytes, engine, blockSize, bytesPerSecond } = how;
  plant(sizeBytes, how.isServed);
  const input: PlanInput = {
    ends: {
      source: { path: '/a', sizeBytes, accessMode: 'ro' },
      destination: { path: '/bb', sizeBytes, accessMode: 'rw' },
    },
    volumes: VOLUMES,
    destinationReadsAsZeros: false,
    encrypted: false,
    options: {
      engine,
      ...(blockSize === undefined ? {} : { blockSize }),
      ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    },
    host: { lanes: how.lanes, lanesOf: { [VOLUMES.source.backend]: how.ofBackend } },
  };
  return planCopy(input);
}

/** What every engine and whoever reads back counts on: whole requests, at least one. */
function assertUnits({ blockBytes, rangeBytes, chunkBytes, ...plan }: CopyPlan, how: Asked): void {
  for (const bytes of [rangeBytes, chunkBytes]) {
    expect(bytes).toBeGreaterThan(0);
    expect(bytes % blockBytes).toBe(0);
  }
  const isDirect = plan.engine.value === 'direct';
  expect(rangeBytes).toBeLessThanOrEqual(Math.max(blockBytes, isDirect ? IN_DOUBT : IN_DOUBT / 2));
  expect(chunkBytes).toBeLessThanOrEqual(Math.max(blockBytes, 64 * MIB));
  expect(chunkBytes).toBeLessThanOrEqual(rangeBytes);
  expect(plan.bytesTotal).toBe(how.bytesTotal);
  const { maxLanes, minRequestBytes, maxRequestBytes } = plan;
  expect(maxLanes.value).toBeGreaterThanOrEqual(1);
  expect(maxLanes.value).toBeLessThanOrEqual(Math.min(how.lanes, how.ofBackend));
  // Each lane has a chunk, and all of them are within what may be in doubt.
  expect(maxLanes.value * chunkBytes).toBeLessThanOrEqual(rangeBytes);
  expect(maxRequestBytes.value % minRequestBytes).toBe(0);
  expect(blockBytes % minRequestBytes).toBe(0);
}

function assertLanes(plan: CopyPlan, how: Asked): void {
  const { minRequestBytes, maxRequestBytes, maxLanes, chunkBytes, rangeBytes } = plan;
  expect(rangeBytes).toBeLessThanOrEqual(IN_DOUBT);
  expect(chunkBytes % minRequestBytes).toBe(0);
  const reading = readLimits(plan);
  for (const limits of [
    { maxLanes: maxLanes.value, minRequestBytes, maxRequestBytes: maxRequestBytes.value },
    reading,
  ]) {
    expect(limits.minRequestBytes % ALIGNMENT).toBe(0);
    expect(limits.minRequestBytes).toBeGreaterThan(0);
    expect(limits.maxRequestBytes).toBeGreaterThanOrEqual(limits.minRequestBytes);
    expect(limits.maxRequestBytes % limits.minRequestBytes).toBe(0);
    expect(limits.maxRequestBytes).toBeLessThanOrEqual(chunkBytes);
    const buffers = limits.maxLanes * limits.maxRequestBytes;
    expect(buffers).toBeLessThanOrEqual(Math.max(BUFFERS, limits.minRequestBytes));
  }
  // Longer direct writes than this are mixed up by qemu.
  if (how.isServed && plan.destinationDirect.value) {
    expect(maxRequestBytes.value).toBeLessThanOrEqual(MIB);
  }
}

it('whatever is asked for, units divide and nothing is out of bounds', async () => {
  const property = fc.asyncProperty(asked, async (how) => {
    const plan = await planned(how).catch((error: unknown) => {
      expect(error).toBeInstanceOf(DrayError);
      expect((error as DrayError).code).toBe('BadBlockSize');
      expect(how.engine).toBe('direct');
      return undefined;
    });
    if (plan === undefined) return;
    assertUnits(plan, how);
    const isWhole = plan.blockBytes % ALIGNMENT === 0;
    if (plan.engine.value === 'direct') {
      expect(plan.blockBytes).toBeLessThanOrEqual(MAX_LANE_REQUEST_BYTES);
      if (isWhole) assertLanes(plan, how);
    }
  });
  await fc.assert(property, { numRuns: 300 });
});
