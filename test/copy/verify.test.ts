import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CHUNK_REPEATED,
  CHUNK_STATES,
  type CopyEnds,
  type EngineName,
} from '../../contract/copy.ts';
import { type Checkpoint, saveCheckpoint } from '../../copy/checkpoint.ts';
import { runCopy } from '../../copy/copier.ts';
import { copierDirectory } from '../../copy/lease.ts';
import { runVerify, type VerifyRun } from '../../copy/verify.ts';
import { digest, flip, MIB, Rig, VOLUMES } from './rig.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

const SIZE = 16 * MIB + 512;
/** Of a volume of that size. */
const CHUNK = MIB;

async function copied(engine: EngineName, blockSize = '1M') {
  const ends = {
    source: await rig.file('a', SIZE),
    destination: await rig.file('b', SIZE, 0xaa),
  };
  const plan = await rig.plan(ends, { engine, blockSize });
  const result = await runCopy(rig.run(plan, ends));
  return { ends, plan, result };
}

const same = async (ends: CopyEnds): Promise<boolean> =>
  (await digest(ends.source.path)) === (await digest(ends.destination.path));

describe.each(['direct', 'dd', 'file'] as const)('engine %s', (engine) => {
  it.each(['written', 'full'] as const)('%s: equal ends are found equal', async (mode) => {
    const { ends, plan } = await copied(engine);
    const seen: number[] = [];
    const onProgress = (p: { bytesCompared: number }): void => void seen.push(p.bytesCompared);
    const result = await runVerify(rig.verify(plan, ends, { mode, onProgress }));
    const late = engine === 'direct' ? 0 : SIZE;
    expect(result).toMatchObject({ mode, bytesCompared: SIZE, bytesDigestedLate: late });
    expect(result.digestsRoot).toMatch(/^[0-9a-f]{64}$/);
    expect([seen[0], seen.at(-1)]).toEqual([0, SIZE]);
  });

  it.each(engine === 'direct' ? [0, 3 * MIB + 17, SIZE - 1] : [MIB])(
    'written: byte %d of the destination is found and repaired',
    async (at) => {
      const { ends, plan } = await copied(engine);
      await flip(ends.destination.path, at);
      const found = { offset: Math.floor(at / CHUNK) * CHUNK, chunks: 1 };
      const verify = (): Promise<unknown> => runVerify(rig.verify(plan, ends, { mode: 'written' }));
      await expect(verify()).rejects.toMatchObject({ code: 'VerifyFailed', params: found });
      const repaired = await runCopy(rig.run(plan, ends));
      const length = Math.min(CHUNK, SIZE - found.offset);
      expect(repaired).toMatchObject({ bytesRepaired: length, bytesCopiedAgain: 0 });
      expect(await same(ends)).toBe(true);
      await verify();
      const states = [...inflateRawSync(Buffer.from(repaired.chunkStates, 'base64'))];
      const copiedState = CHUNK_STATES.indexOf('copied');
      expect(states).toEqual(
        Array.from({ length: 17 }, (_, i) =>
          i * CHUNK === found.offset ? copiedState | CHUNK_REPEATED : copiedState,
        ),
      );
    },
  );

  it('full: a source that changed is told as such, and copied again when asked to', async () => {
    const { ends, plan } = await copied(engine);
    await flip(ends.source.path, 5 * MIB);
    const verify = (mode: VerifyRun['mode']): Promise<unknown> =>
      runVerify(rig.verify(plan, ends, { mode }));
    const code = engine === 'direct' ? 'SourceChanged' : 'EndsDiffer';
    const found = { code, params: { offset: 5 * MIB, chunks: 1 } };
    await expect(verify('full')).rejects.toMatchObject(found);
    await expect(verify('full')).rejects.toMatchObject(found);
    await runCopy(rig.run(plan, ends));
    await verify('full');
    expect(await same(ends)).toBe(true);
  });
});

it('compares only what no attempt has compared before', async () => {
  const { ends, plan } = await copied('direct');
  await runVerify(rig.verify(plan, ends));
  await flip(ends.destination.path, 9 * MIB);
  const seen: number[] = [];
  const onProgress = (p: { bytesCompared: number }): void => void seen.push(p.bytesCompared);
  await runVerify(rig.verify(plan, ends, { onProgress }));
  expect(new Set(seen)).toEqual(new Set([SIZE]));
});

it('requests that are no whole pages are verified as well', async () => {
  const { ends, plan } = await copied('direct', '1000');
  expect(plan.chunkBytes % 4096).toBe(0);
  await runVerify(rig.verify(plan, ends));
});

it('what was not copied is not called equal', async () => {
  const ends = { source: await rig.file('a', SIZE, 7), destination: await rig.file('b', SIZE, 7) };
  const plan = await rig.plan(ends);
  const found = { code: 'CopyIncomplete', params: { bytes: SIZE } };
  await expect(runVerify(rig.verify(plan, ends))).rejects.toMatchObject(found);
});

it('throws the reason of an abort', async () => {
  const { ends, plan } = await copied('dd');
  const reason = new Error('stop it');
  const signal = AbortSignal.abort(reason);
  await expect(runVerify(rig.verify(plan, ends, { signal }))).rejects.toBe(reason);
});

describe('digests on the host', () => {
  const directory = (): string => copierDirectory(rig.state, VOLUMES.destination);
  const file = (): string => join(directory(), 'chunks');

  /** As if the destination had not been looked at. */
  async function forgetVerified(): Promise<void> {
    const found = JSON.parse(await readFile(join(directory(), 'checkpoint.json'), 'utf8')) as {
      text: string;
    };
    const checkpoint = JSON.parse(found.text) as Checkpoint;
    await saveCheckpoint(directory(), { ...checkpoint, verified: [] });
  }

  it.each([
    ['cut', (all: Buffer) => all.subarray(0, 100)],
    ['of another place', (all: Buffer) => Buffer.concat([all.subarray(40), all.subarray(0, 40)])],
    ['flipped', (all: Buffer) => all.map((byte, i) => (i % 7 === 0 ? byte ^ 4 : byte))],
    ['empty', () => Buffer.alloc(0)],
  ])('that are %s are taken from the source again, and it is said', async (_, damage) => {
    const { ends, plan } = await copied('direct');
    const before = await readFile(file());
    const whole = await runVerify(rig.verify(plan, ends));
    expect(whole.bytesDigestedLate).toBe(0);
    await flip(ends.destination.path, 4 * MIB);
    await writeFile(file(), damage(before));
    await forgetVerified();
    const again = rig.verify(plan, ends, { mode: 'written' });
    await expect(runVerify(again)).rejects.toMatchObject({ code: 'VerifyFailed' });
    await runCopy(rig.run(plan, ends));
    const result = await runVerify(again);
    expect(result.bytesDigestedLate).toBeGreaterThan(0);
    expect(result.digestsRoot).toBe(whole.digestsRoot);
  });
});
