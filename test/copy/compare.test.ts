import { copyFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CopyEnds, VerifyProgress } from '../../contract/copy.ts';
import { runCompare } from '../../copy/compare.ts';
import { runCopy } from '../../copy/copier.ts';
import { copierDirectory, fenceCopier } from '../../copy/lease.ts';
import { planRead } from '../../copy/plan-read.ts';
import { flip } from '../rig/flip.ts';
import { codeOf, exists, LANES, MIB, Rig, VOLUMES } from './rig.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

const SIZE = 16 * MIB + 512;
/** Of a volume of that size. */
const CHUNK = MIB;

/** A source and a destination of the same bytes, the latter with more of its own behind them. */
async function twins(more = 0): Promise<CopyEnds> {
  const source = await rig.file('a', SIZE);
  const destination = await rig.file('b', SIZE + more);
  await copyFile(source.path, destination.path);
  await truncate(destination.path, SIZE + more);
  if (more > 0) await flip(destination.path, SIZE);
  return { source, destination };
}

const chunkOf = (at: number) => {
  const offset = Math.floor(at / CHUNK) * CHUNK;
  return { offset, length: Math.min(CHUNK, SIZE - offset) };
};

it.each([
  ['of one size', 0],
  ['and a larger destination, of which the rest does not count', MIB],
])('equal volumes %s are equal', async (_, more) => {
  const ends = await twins(more);
  const seen: number[] = [];
  const onProgress = (p: VerifyProgress): void => void seen.push(p.bytesCompared);
  const found = await runCompare(await rig.compare(ends, { onProgress }));
  expect(found).toMatchObject({ equal: true, bytesCompared: SIZE, differing: [] });
  expect(found).toMatchObject({ rangesDiffering: 0, bytesDiffering: 0 });
  expect(found.digestsRoot).toMatch(/^[0-9a-f]{64}$/);
  expect([seen[0], seen.at(-1)]).toEqual([0, SIZE]);
});

it.each([[[0]], [[3 * MIB + 17, 4 * MIB]], [[5 * MIB - 1, 9 * MIB, SIZE - 1]]])(
  'bytes %j that differ are told by their chunks, merged',
  async (places) => {
    const ends = await twins();
    const before = await runCompare(await rig.compare(ends));
    await fenceCopier(rig.state, VOLUMES.destination, { copyId: 'copy-1', forget: true });
    for (const at of places) await flip(ends.destination.path, at);
    const found = await runCompare(await rig.compare(ends));
    const chunks = places.map(chunkOf);
    const differing = places.length === 2 ? [{ offset: 3 * MIB, length: 2 * CHUNK }] : chunks;
    expect(found).toMatchObject({ equal: false, bytesCompared: SIZE, differing });
    expect(found.rangesDiffering).toBe(differing.length);
    expect(found.bytesDiffering).toBe(chunks.reduce((sum, { length }) => sum + length, 0));
    // The source's.
    expect(found.digestsRoot).toBe(before.digestsRoot);
  },
);

describe('a later attempt', () => {
  it('goes on from what the ones before have found, differences as well', async () => {
    const ends = await twins();
    await flip(ends.destination.path, 2 * MIB);
    const first = await runCompare(await rig.compare(ends));
    expect(first.differing).toEqual([chunkOf(2 * MIB)]);
    // What is not read again is not noticed either.
    await flip(ends.destination.path, 2 * MIB);
    await flip(ends.destination.path, 7 * MIB);
    const seen: number[] = [];
    const onProgress = (p: VerifyProgress): void => void seen.push(p.bytesCompared);
    const second = await runCompare(await rig.compare(ends, { onProgress }));
    expect({ ...second, seconds: 0 }).toEqual({ ...first, seconds: 0 });
    expect(new Set(seen)).toEqual(new Set([SIZE]));
  });

  it('begins anew when a volume was free in between', async () => {
    const ends = await twins();
    await runCompare(await rig.compare(ends));
    await flip(ends.destination.path, 7 * MIB);
    const reservations = { source: 'reserved-1', destination: 'reserved-3' };
    const found = await runCompare(await rig.compare(ends, { reservations }));
    expect(found.differing).toEqual([chunkOf(7 * MIB)]);
  });

  it('goes on where one was stopped in the middle', async () => {
    const size = 512 * MIB;
    const ends = { source: await rig.sparse('a', size), destination: await rig.sparse('b', 3) };
    await copyFile(ends.source.path, ends.destination.path);
    ends.destination = { ...ends.destination, sizeBytes: size };
    await flip(ends.destination.path, size - 1);
    const stop = new AbortController();
    const onProgress = ({ bytesCompared }: VerifyProgress): void => {
      if (bytesCompared > 0) stop.abort(new Error('stop it'));
    };
    const run = await rig.compare(ends, { signal: stop.signal, onProgress });
    await expect(runCompare(run)).rejects.toThrow('stop it');
    const seen: number[] = [];
    const note = (p: VerifyProgress): void => void seen.push(p.bytesCompared);
    const found = await runCompare(await rig.compare(ends, { onProgress: note }));
    expect(seen[0]).toBeGreaterThan(0);
    expect(seen[0]).toBeLessThan(size);
    expect(found).toMatchObject({ equal: false, rangesDiffering: 1, bytesCompared: size });
  });
});

it('whoever fences the destination ends the readers, and nothing is left', async () => {
  const size = 512 * MIB;
  const source = await rig.sparse('a', size);
  const destination = await rig.sparse('b', size);
  let fenced: Promise<unknown> | undefined;
  const onProgress = ({ bytesCompared }: VerifyProgress): void => {
    if (bytesCompared === 0) return;
    fenced ??= fenceCopier(rig.state, VOLUMES.destination, { copyId: 'copy-1', forget: true });
  };
  const run = await rig.compare({ source, destination }, { onProgress });
  const code = await runCompare(run).then(() => 'ended', codeOf);
  expect(['CopierFenced', 'ReaderFailed', 'StateUnwritable']).toContain(code);
  await fenced;
  expect(await exists(copierDirectory(rig.state, VOLUMES.destination))).toBe(false);
});

describe('a certificate', () => {
  async function certified() {
    const ends = { source: await rig.file('a', SIZE), destination: await rig.file('b', SIZE, 7) };
    const plan = await rig.plan(ends, { engine: 'direct' });
    const { digestsRoot } = await runCopy(rig.run(plan, ends));
    await fenceCopier(rig.state, VOLUMES.destination, { copyId: 'copy-1', forget: true });
    const { bytesTotal, chunkBytes } = plan;
    const signer = { keyId: '0'.repeat(16), isOwn: true };
    return { certificate: { bytesTotal, chunkBytes, digestsRoot, signer }, ends };
  }

  it('is met by what was copied, and by no volume with another byte in it', async () => {
    const { certificate, ends } = await certified();
    const { destination } = ends;
    await truncate(destination.path, SIZE + MIB);
    const larger = { ...destination, sizeBytes: SIZE + MIB };
    const same = await runCompare(await rig.compareWith(certificate, larger));
    const { digestsRoot } = certificate;
    expect(same).toMatchObject({ equal: true, bytesCompared: SIZE, digestsRoot });
    await fenceCopier(rig.state, VOLUMES.destination, { copyId: 'copy-1', forget: true });
    await flip(destination.path, SIZE - 1);
    const other = await runCompare(await rig.compareWith(certificate, larger));
    expect(other).toMatchObject({ equal: false, differing: [], rangesDiffering: 0 });
    expect(other.digestsRoot).not.toBe(digestsRoot);
  });

  it('is compared with all digests, also where the record of some was damaged', async () => {
    const { certificate, ends } = await certified();
    const run = await rig.compareWith(certificate, ends.destination);
    expect(await runCompare(run)).toMatchObject({ equal: true });
    await flip(join(copierDirectory(rig.state, VOLUMES.destination), 'chunks'), 100);
    const seen: number[] = [];
    const onProgress = (p: VerifyProgress): void => void seen.push(p.bytesCompared);
    const again = await rig.compareWith(certificate, ends.destination, { onProgress });
    expect(await runCompare(again)).toMatchObject({ equal: true });
    expect([seen[0], seen.at(-1)]).toEqual([SIZE - CHUNK, SIZE]);
  });

  it('of more bytes than the volume has is refused', async () => {
    const { certificate, ends } = await certified();
    const longer = { ...certificate, bytesTotal: SIZE + 512 };
    const plan = rig.compareWith(longer, ends.destination);
    await expect(plan).rejects.toMatchObject({ code: 'CertificateTooLarge' });
  });
});

it('refuses one volume twice, and a smaller destination', async () => {
  const source = await rig.file('a', SIZE);
  const smaller = await rig.file('b', MIB);
  const plan = (ends: CopyEnds) => planRead({ ends, volumes: VOLUMES, host: LANES });
  const twice = plan({ source, destination: source });
  await expect(twice).rejects.toMatchObject({ code: 'SameVolume' });
  const short = plan({ source, destination: smaller });
  await expect(short).rejects.toMatchObject({ code: 'DestinationTooSmall' });
});
