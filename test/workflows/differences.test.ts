import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DrayError } from '../../contract/errors.ts';
import { expectClean, failureCode, throws } from './expectations.ts';
import { FakeWorld } from './fake-world.ts';
import { startCopy, startWorkflowRig, type WorkflowRig } from './rig.ts';

let rig: WorkflowRig & { stop: () => Promise<void> };
beforeAll(async () => {
  rig = await startWorkflowRig();
});
afterAll(() => rig.stop());

const place = { chunks: 2, offset: 4096 };

describe('what verify finds to differ', () => {
  it('is copied again and compared again', async () => {
    const world = new FakeWorld().before('verifyCopy', (attempt) => {
      if (attempt < 3) throw new DrayError('VerifyFailed', place);
    });
    const report = await (await startCopy(rig, world)).result();
    expect(world.calls.filter((call) => call === 'copyData')).toHaveLength(3);
    expect(report.verified.mode).toBe('full');
    expectClean(world);
  });

  it('is a person’s to decide when copying again does not help, and never passed', async () => {
    const damaged = (): DrayError => new DrayError('VerifyFailed', place);
    const world = new FakeWorld().before('verifyCopy', throws(damaged));
    const copy = await startCopy(rig, world);
    const parked = await copy.parked('verifyCopy');
    expect(parked.code).toBe('VerifyFailed');
    expect(parked.accepts).toEqual(['retry', 'roll-back', 'move']);
    expect(world.calls.filter((call) => call === 'copyData')).toHaveLength(4);
    await copy.decide({ step: 'verifyCopy', decision: 'roll-back' });
    expect(await failureCode(copy.result())).toBe('VerifyFailed');
    expectClean(world);
  });

  it('is never passed where bytes are not known to have been copied', async () => {
    const incomplete = (): DrayError => new DrayError('CopyIncomplete', { bytes: 4096 });
    const world = new FakeWorld().before('verifyCopy', throws(incomplete));
    const copy = await startCopy(rig, world);
    const parked = await copy.parked('verifyCopy');
    expect(parked).toMatchObject({
      code: 'CopyIncomplete',
      accepts: ['retry', 'roll-back', 'move'],
    });
    await copy.decide({ step: 'verifyCopy', decision: 'roll-back' });
    expect(await failureCode(copy.result())).toBe('CopyIncomplete');
    expectClean(world);
  });

  it.each(['SourceChanged', 'EndsDiffer'] as const)(
    '%s is copied again only when a person says so',
    async (code) => {
      const world = new FakeWorld().before('verifyCopy', (attempt) => {
        if (attempt < 2) throw new DrayError(code, place);
      });
      const copy = await startCopy(rig, world);
      expect(await copy.parked('verifyCopy')).toMatchObject({
        code,
        accepts: ['retry', 'roll-back', 'move'],
      });
      expect(world.calls.filter((call) => call === 'copyData')).toHaveLength(1);
      await copy.decide({ step: 'verifyCopy', decision: 'retry' });
      await copy.result();
      expect(world.calls.filter((call) => call === 'copyData')).toHaveLength(2);
      expectClean(world);
    },
  );
});
