import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DrayError } from '../../contract/errors.ts';
import {
  ATTACH,
  broken,
  busy,
  DETACH,
  encryptedWorld,
  expectClean,
  failureCode,
  PREPARE,
  throws,
} from './expectations.ts';
import { FakeWorld, SOURCE, untilCancelled } from './fake-world.ts';
import { startVerify, startWorkflowRig, type WorkflowRig } from './rig.ts';

let rig: WorkflowRig & { stop: () => Promise<void> };
beforeAll(async () => {
  rig = await startWorkflowRig();
});
afterAll(() => rig.stop());

const FORWARD = [
  ...PREPARE,
  ...ATTACH.map((verb) => `destination.${verb}`),
  ...ATTACH.map((verb) => `source.${verb}`),
  'planRead',
  'compareVolumes',
];

describe('verifyVolumes', () => {
  it('attaches both read-only, compares, fences the readers and detaches in reverse', async () => {
    const world = encryptedWorld();
    const verify = await startVerify(rig, world);
    expect(await verify.result()).toMatchObject({ source: SOURCE, equal: true, held: [] });
    expect(world.calls.slice(0, FORWARD.length + 1)).toEqual([...FORWARD, 'fenceCopier']);
    for (const role of ['source', 'destination']) {
      const calls = world.calls.filter((call) => call.startsWith(`${role}.`));
      expect(calls.slice(-DETACH.length)).toEqual(DETACH.map((verb) => `${role}.${verb}`));
    }
    expectClean(world);
  });

  it('that they differ is a result', async () => {
    const world = new FakeWorld();
    world.differing = [{ offset: 0, length: 512 }];
    const report = await (await startVerify(rig, world)).result();
    expect(report).toMatchObject({ equal: false, rangesDiffering: 1, bytesDiffering: 512 });
    expectClean(world);
  });

  it('refuses one volume twice, and a smaller destination, before it acquires', async () => {
    const world = new FakeWorld();
    const same = await startVerify(rig, world, { destination: SOURCE });
    expect(await failureCode(same.result())).toBe('SameVolume');
    world.sizes.set('b:v2', 512);
    const small = await startVerify(rig, world);
    expect(await failureCode(small.result())).toBe('DestinationTooSmall');
    expect(world.acquired.size).toBe(0);
  });

  it('a volume that somebody holds ends it, with the other one free again', async () => {
    const world = new FakeWorld().before('source.createExport', throws(busy));
    expect(await failureCode((await startVerify(rig, world)).result())).toBe('VolumeBusy');
    expectClean(world);
  });

  it.each(['planRead', 'compareVolumes'])('takes all back when cancelled in %s', async (step) => {
    const world = encryptedWorld();
    const started = new Promise<void>((resolve) => {
      world.before(step, async () => {
        resolve();
        if (step === 'compareVolumes') await untilCancelled();
        else await untilCancelled().catch(() => undefined);
      });
    });
    const verify = await startVerify(rig, world);
    await started;
    await verify.handle.cancel();
    expect(await failureCode(verify.result())).toBe('CancelledFailure');
    expect((await verify.status()).phase).toBe('cancelled');
    expectClean(world);
  });

  it('parks, and goes on, on another host where a person decides so', async () => {
    const world = encryptedWorld().before('compareVolumes', throws(broken));
    const verify = await startVerify(rig, world);
    const parked = await verify.parked('compareVolumes');
    expect(parked.accepts).toEqual(['retry', 'roll-back', 'move']);
    world.calm('compareVolumes');
    await verify.decide({ step: 'compareVolumes', decision: 'move', host: 'h2' });
    expect(await verify.result()).toMatchObject({ host: 'h2', equal: true });
    expect(world.acquired.size).toBe(4);
    expectClean(world);
  });

  describe('with a certificate', () => {
    const certificate = {
      ...{ bytesTotal: 2 ** 30, chunkBytes: 2 ** 26, digestsRoot: 'ab' },
      signer: { keyId: 'k', isOwn: false },
    };

    it('attaches that volume alone, also anew, and takes it back', async () => {
      const lost = { role: 'destination', device: 'x', because: 'gone' } as const;
      const world = encryptedWorld().before('compareVolumes', (attempt) => {
        if (attempt === 1) throw new DrayError('DeviceLost', lost);
      });
      const report = await (await startVerify(rig, world, { certificate })).result();
      expect(report).toMatchObject({ certificate, equal: true, held: [] });
      expect(world.calls.filter((call) => call.startsWith('source.'))).toEqual([]);
      expect(world.calls.filter((call) => call === 'destination.connectVolume')).toHaveLength(2);
      expect(world.acquired.size).toBe(1);
      expectClean(world);
    });

    it('refuses one of more bytes than the volume has, before it acquires', async () => {
      const world = new FakeWorld();
      world.sizes.set('b:v2', 512);
      const verify = await startVerify(rig, world, { certificate });
      expect(await failureCode(verify.result())).toBe('CertificateTooLarge');
      expect(world.acquired.size).toBe(0);
    });
  });

  it.each(['source', 'destination'] as const)('attaches a lost %s anew', async (role) => {
    const world = new FakeWorld().before('compareVolumes', (attempt) => {
      if (attempt === 1) throw new DrayError('DeviceLost', { role, device: 'x', because: 'gone' });
    });
    expect(await (await startVerify(rig, world)).result()).toMatchObject({ equal: true });
    expect(world.calls.filter((call) => call === `${role}.connectVolume`)).toHaveLength(2);
    expectClean(world);
  });
});
