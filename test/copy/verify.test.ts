import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readChunkStates } from '../../contract/chunk-states.ts';
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
import { flip } from '../rig/flip.ts';
import { digest, MIB, Rig, VOLUMES } from './rig.ts';

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
  expect(plan.chunkBytes % 4096).not.toBe(0);
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

it.each(['written', 'full'] as const)(
  '%s keeps a limit, of each end that it reads',
  async (mode) => {
    const { ends, plan } = await copied('direct');
    const bytesPerSecond = 8 * MIB;
    const limits: (number | undefined)[] = [];
    const onProgress: VerifyRun['onProgress'] = ({ limit }) => void limits.push(limit);
    const wishes = rig.wishes({ limit: bytesPerSecond });
    const { seconds } = await runVerify(rig.verify(plan, ends, { mode, wishes, onProgress }));
    // A quarter of a second is let through at once.
    expect(seconds).toBeGreaterThan(SIZE / bytesPerSecond - 0.5);
    expect(new Set(limits.slice(1))).toEqual(new Set([bytesPerSecond]));
  },
);

describe('on another host', () => {
  /** A copy in two halves: the second host has nothing but the first one's last heartbeat. */
  async function moved() {
    const { ends, plan, result } = await copied('direct');
    const half = { offset: 0, length: 8 * CHUNK };
    const heartbeat = {
      ...{ bytesSubmitted: half.length, bytesFlushed: half.length, bytesTotal: SIZE, attempt: 1 },
      ...{ flushed: [half], unreadable: [], digestsRoot: '', chunkStates: result.chunkStates },
    };
    await rm(copierDirectory(rig.state, VOLUMES.destination), { recursive: true });
    const onSecond = await runCopy({ ...rig.run(plan, ends), heartbeat });
    return { ends, plan, result, onSecond };
  }

  it('off: takes the digests that are missing from the source, and says so', async () => {
    const { ends, plan, result, onSecond } = await moved();
    expect(onSecond.digestsRoot).toBe('');
    const verified = await runVerify(rig.verify(plan, ends, { mode: 'off' }));
    expect(verified).toMatchObject({
      ...{ mode: 'off', bytesCompared: 0, bytesDigestedLate: 8 * CHUNK },
      digestsRoot: result.digestsRoot,
    });
  });

  it('keeps what became of the chunks of the first', async () => {
    const { ends, plan, result } = await copied('direct');
    const states = readChunkStates(result.chunkStates) as Uint8Array;
    const zeroed = Uint8Array.from(states, (state, i) =>
      i === 3 ? CHUNK_STATES.indexOf('zeroed') : i === 5 ? state | CHUNK_REPEATED : state,
    );
    const chunkStates = deflateRawSync(zeroed).toString('base64');
    const heartbeat = {
      ...{ bytesSubmitted: SIZE, bytesFlushed: SIZE, bytesTotal: SIZE, attempt: 1 },
      ...{ flushed: [{ offset: 0, length: SIZE }], digestsRoot: '', chunkStates },
    };
    await rm(copierDirectory(rig.state, VOLUMES.destination), { recursive: true });
    const onSecond = await runCopy({ ...rig.run(plan, ends), heartbeat });
    expect([...(readChunkStates(onSecond.chunkStates) as Uint8Array)]).toEqual([...zeroed]);
  });
});
