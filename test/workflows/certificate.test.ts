import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificateSchema } from '../../contract/certificate.ts';
import type { VerifyMode } from '../../contract/copy.ts';
import {
  broken,
  busy,
  DETACH,
  encryptedWorld,
  expectClean,
  failureCode,
  throws,
  UNDO,
} from './expectations.ts';
import { FakeWorld } from './fake-world.ts';
import { startCopy, startWorkflowRig, type WorkflowRig } from './rig.ts';

let rig: WorkflowRig & { stop: () => Promise<void> };
beforeAll(async () => {
  rig = await startWorkflowRig();
});
afterAll(() => rig.stop());

/** Trouble that lasts until the test says so. */
function lasting(): { trouble: () => void; end: () => void } {
  let ended = false;
  return {
    trouble: () => {
      if (!ended) throw broken();
    },
    end: () => {
      ended = true;
    },
  };
}

describe('the certificate', () => {
  it('says what was copied, what was proven of both ends, and what became of every undo', async () => {
    const copy = await startCopy(rig, encryptedWorld());
    const { certificate, uncertified } = await copy.result();
    expect(uncertified).toBeUndefined();
    const { certified } = certificateSchema.parse(certificate);
    expect(certified).toMatchObject({
      copy: { workflowId: copy.handle.workflowId },
      host: 'h1',
      source: { volume: 'a:v1', serial: 'S', sizeBytes: 2 ** 30 },
      destination: { volume: 'b:v2', serial: 'S', sizeBytes: 2 ** 30 },
      plan: { zeros: { value: 'write', because: 'a test' } },
      verification: { mode: 'full', bytesCompared: 2 ** 30 },
    });
    const proofs = certified.undo.map(({ step, outcome }) => `${step} ${outcome}`);
    expect(proofs[0]).toBe('fenceCopier alreadyGone');
    for (const role of ['source', 'destination']) {
      expect(proofs.filter((proof) => proof.startsWith(role))).toEqual(
        [...DETACH, 'setVolumeState'].map((verb) => `${role}.${verb} done`),
      );
    }
    expect(certified.undo).toHaveLength(UNDO.length);
    expect(certified.times.phases.map(({ phase }) => phase)).toEqual([
      'preparing',
      'attaching',
      'copying',
      'verifying',
      'detaching',
      'certifying',
    ]);
  });

  it.each([
    ['off', 0, 'Neither the destination nor the source was read again'],
    ['off', 4096, 'The digests of 4096 bytes were taken from the source only afterwards'],
    ['written', 0, 'taken while it was copied. The source was not read again'],
    ['written', 4096, 'of 4096 bytes only afterwards, when the source was read once more'],
    ['full', 4096, 'were both read again'],
  ] satisfies [VerifyMode, number, string][])(
    'says of verify %s, with %d bytes digested late, what was read',
    async (verify, late, words) => {
      const world = new FakeWorld();
      world.bytesDigestedLate = late;
      world.engine = 'direct';
      const copy = await startCopy(rig, world, { options: { verify } });
      const { certificate } = await copy.result();
      expect(certificate!.certified.verification.statement).toContain(words);
    },
  );

  it('has what people decided, what is held, and what was left for it', async () => {
    const world = new FakeWorld();
    const source = lasting();
    world.before('source.connectVolume', source.trouble);
    world.before('destination.disconnectVolume', throws(broken));
    const copy = await startCopy(rig, world);
    await copy.parked('source.connectVolume');
    source.end();
    await copy.decide({ step: 'source.connectVolume', decision: 'retry', reason: 'mended' });
    await copy.parked('destination.disconnectVolume');
    const step = 'destination.disconnectVolume';
    await copy.decide({ step, decision: 'skip', reason: 'not now' });
    const { certified } = (await copy.result()).certificate!;
    expect(certified.decisions).toMatchObject([
      { step: 'source.connectVolume', decision: 'retry', reason: 'mended' },
      { step, decision: 'skip', reason: 'not now' },
    ]);
    const because = 'skipped by decision: not now';
    expect(certified.held).toEqual([{ volume: 'b:v2', what: 'device', because }]);
    const destination = certified.undo.filter((proof) => proof.step.startsWith('destination.'));
    expect(destination).toMatchObject([
      { step: 'destination.detachEncryptor', outcome: 'alreadyGone' },
      { step, outcome: 'held', because },
      { step: 'destination.terminateConnection', outcome: 'skipped' },
      { step: 'destination.removeExport', outcome: 'skipped' },
      { step: 'destination.setVolumeState', outcome: 'skipped' },
    ]);
    expect(destination.at(-1)!.because).toBe(`${step} was not done`);
  });

  it('waits for a host that is gone, everything detached, until a person skips it', async () => {
    const world = new FakeWorld().before('certify', throws(broken));
    const copy = await startCopy(rig, world);
    const parked = await copy.parked('certify');
    expect(parked.accepts).toEqual(['retry', 'skip']);
    expect((await copy.status()).phase).toBe('certifying');
    expectClean(world);
    // The copy is done: a cancel comes too late, as in every undo before.
    await copy.handle.cancel();
    await copy.decide({ step: 'certify', decision: 'skip', reason: 'the host is scrapped' });
    const report = await copy.result();
    expect(report.certificate).toBeUndefined();
    expect(report.uncertified).toBe('skipped by decision: the host is scrapped');
  });

  it('that cannot be had fails no copy', async () => {
    const world = new FakeWorld().before('certify', throws(busy));
    const report = await (await startCopy(rig, world)).result();
    expect(report.uncertified).toContain('is reserved by');
    expect(report.verified.mode).toBe('full');
  });

  it('is not made of a copy that failed', async () => {
    const world = new FakeWorld().before('copyData', throws(busy));
    expect(await failureCode((await startCopy(rig, world)).result())).toBe('VolumeBusy');
    expect(world.calls).not.toContain('certify');
  });
});
