import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DrayError } from '../../contract/errors.ts';
import {
  DETACH,
  FORWARD,
  UNDO,
  broken,
  busy,
  encryptedWorld,
  expectClean,
  failureCode,
  throws,
} from './expectations.ts';
import { DESTINATION, FakeWorld, SOURCE } from './fake-world.ts';
import { startCopy, startWorkflowRig, type WorkflowRig } from './rig.ts';

let rig: WorkflowRig & { stop: () => Promise<void> };
beforeAll(async () => {
  rig = await startWorkflowRig();
});
afterAll(() => rig.stop());

describe('parked steps', () => {
  it.each(FORWARD)(
    '%s parks when retries cannot finish it, and goes on after retry',
    async (step) => {
      const world = encryptedWorld().before(step, throws(broken));
      const copy = await startCopy(rig, world);
      const name = step.startsWith('describeVolume')
        ? `${step.endsWith('v1') ? 'source' : 'destination'}.describeVolume`
        : step;
      const parked = await copy.parked(name);
      expect(parked.code).toBe('StorageFull');
      expect(parked.accepts).toContain('roll-back');
      world.calm(step);
      await copy.decide({ step: name, decision: 'retry' });
      await copy.result();
      expect((await copy.status()).decisions).toMatchObject([{ step: name, reason: 'test' }]);
      expectClean(world);
    },
  );

  it.each(UNDO)('undo %s parks however it fails, and goes on after retry', async (step) => {
    const world = encryptedWorld().before(step, throws(busy));
    const copy = await startCopy(rig, world);
    const name = step.startsWith('setVolumeState')
      ? `${step.endsWith('v1') ? 'source' : 'destination'}.setVolumeState`
      : step;
    const parked = await copy.parked(name);
    expect(parked.accepts).not.toContain('roll-back');
    expect(parked.accepts).not.toContain('move');
    world.calm(step);
    await copy.decide({ step: name, decision: 'retry' });
    await copy.result();
    expectClean(world);
  });

  it('the undo of one volume does not wait for the other', async () => {
    const world = new FakeWorld().before('destination.disconnectVolume', throws(busy));
    const copy = await startCopy(rig, world);
    await copy.parked('destination.disconnectVolume');
    expect(world.leftovers.filter((left) => left.startsWith('source'))).toEqual([]);
    expect(world.leftovers).toContain('destination.exported');
    world.calm('destination.disconnectVolume');
    await copy.decide({ step: 'destination.disconnectVolume', decision: 'retry' });
    await copy.result();
    expectClean(world);
  });

  it('skip of a disconnect ends that stack and lists what is held', async () => {
    const world = new FakeWorld().before('source.disconnectVolume', throws(busy));
    const copy = await startCopy(rig, world);
    await copy.parked('source.disconnectVolume');
    await copy.decide({ step: 'source.disconnectVolume', decision: 'skip', reason: 'later' });
    const { held } = await copy.result();
    expect(held).toMatchObject([{ volume: SOURCE, what: 'device' }]);
    expect(held[0]?.because).toContain('later');
    expect(world.leftovers).toEqual([
      'source.exported',
      'source.connection',
      'source.device',
      'a:v1 reserved',
    ]);
    expect(world.violations).toEqual([]);
  });

  it('force goes on only after the access is revoked', async () => {
    const world = new FakeWorld().before('destination.disconnectVolume', throws(busy));
    world.revoke = 'cannot';
    const step = 'destination.disconnectVolume';
    const copy = await startCopy(rig, world);
    await copy.parked(step);
    await copy.decide({ step, decision: 'force' });
    while ((await copy.parked(step)).code !== 'RevokeImpossible') await rig.env.sleep('1 second');
    expect(world.leftovers).toContain('destination.exported');
    world.revoke = 'revoked';
    await copy.decide({ step, decision: 'force' });
    const { held } = await copy.result();
    expect(held).toMatchObject([{ volume: DESTINATION, what: 'device' }]);
    expect(world.leftovers).toEqual(['destination.device']);
    expect(world.calls.filter((call) => call === 'destination.revokeAccess')).toHaveLength(2);
  });

  it('force with the statement that the host is off passes its steps', async () => {
    const world = new FakeWorld().before('destination.disconnectVolume', throws(broken));
    const step = 'destination.disconnectVolume';
    const copy = await startCopy(rig, world);
    await copy.parked(step);
    await copy.decide({ step, decision: 'force', hostIsOff: true });
    await copy.result();
    expect(world.calls).not.toContain('destination.revokeAccess');
    expect(world.leftovers).toEqual(['destination.device']);
  });

  it('nothing is undone while the copier cannot be fenced, and skip is refused', async () => {
    const stuck = (): DrayError =>
      new DrayError('CopierStuck', { pid: 1, host: 'h1', volume: 'b:v2' });
    const world = new FakeWorld().before('fenceCopier', throws(stuck));
    const copy = await startCopy(rig, world);
    const parked = await copy.parked('fenceCopier');
    expect(parked.accepts).toEqual(['retry', 'force']);
    await expect(copy.decide({ step: 'fenceCopier', decision: 'skip' })).rejects.toMatchObject({
      cause: { type: 'DecisionRefused' },
    });
    expect(world.calls.filter((call) => DETACH.some((verb) => call.endsWith(verb)))).toEqual([]);
    world.calm('fenceCopier');
    await copy.decide({ step: 'fenceCopier', decision: 'retry' });
    await copy.result();
    expectClean(world);
  });

  it('move detaches both and goes on with another host under a new attachment', async () => {
    const world = new FakeWorld().before('copyData', (attempt) => {
      if (attempt === 1) throw broken();
    });
    const copy = await startCopy(rig, world);
    await copy.parked('copyData');
    await expect(copy.decide({ step: 'copyData', decision: 'move' })).rejects.toThrow();
    await copy.decide({ step: 'copyData', decision: 'move', host: 'h2' });
    expect((await copy.result()).host).toBe('h2');
    expect([...world.acquired.keys()].map((id) => id.split('.').slice(-2).join('.'))).toEqual([
      'destination.0',
      'source.0',
      'destination.1',
      'source.1',
    ]);
    expectClean(world);
  });

  it('a host that was said to be off is believed to be on once the copy moves back', async () => {
    const world = new FakeWorld()
      .before('copyData', (attempt) => {
        if (attempt < 3) throw broken();
      })
      .before('destination.disconnectVolume', (attempt) => {
        if (attempt === 1) throw new DrayError('StorageFull', { path: '/x' });
      });
    const copy = await startCopy(rig, world);
    await copy.parked('copyData');
    await copy.decide({ step: 'copyData', decision: 'move', host: 'h2' });
    const step = 'destination.disconnectVolume';
    await copy.parked(step);
    await copy.decide({ step, decision: 'force', hostIsOff: true });
    await copy.parked('copyData');
    await copy.decide({ step: 'copyData', decision: 'move', host: 'h1' });
    expect((await copy.result()).host).toBe('h1');
    const last = world.calls.slice(world.calls.lastIndexOf('copyData'));
    expect(last).toContain('fenceCopier');
    expect(last).toContain('destination.disconnectVolume');
    expect(last).toContain('source.disconnectVolume');
  });

  it('move ends as failed when something could not be taken back from the first host', async () => {
    const world = new FakeWorld()
      .before('copyData', throws(broken))
      .before('source.disconnectVolume', throws(broken));
    const copy = await startCopy(rig, world);
    await copy.parked('copyData');
    await copy.decide({ step: 'copyData', decision: 'move', host: 'h2' });
    await copy.parked('source.disconnectVolume');
    await copy.decide({ step: 'source.disconnectVolume', decision: 'skip' });
    expect(await failureCode(copy.result())).toBe('MoveImpossible');
    expect([...world.acquired.keys()].every((id) => id.endsWith('.0'))).toBe(true);
  });

  it('a parked step is left by cancel', async () => {
    const world = new FakeWorld().before('source.connectVolume', throws(broken));
    const copy = await startCopy(rig, world);
    await copy.parked('source.connectVolume');
    await copy.handle.cancel();
    expect(await failureCode(copy.result())).toBe('CancelledFailure');
    expectClean(world);
  });

  it('a Signal decides as the Update does, and one that cannot be taken changes nothing', async () => {
    const world = new FakeWorld().before('planCopy', throws(broken));
    const copy = await startCopy(rig, world);
    await copy.parked('planCopy');
    const signal = (decision: string): Promise<void> =>
      copy.handle.signal('decideBySignal', { step: 'planCopy', decision, reason: 'ui' });
    await signal('skip');
    await signal('nonsense');
    await copy.parked('planCopy');
    world.calm('planCopy');
    await signal('retry');
    await copy.result();
    expectClean(world);
  });

  it('verify that comes to no end may be skipped by decision, and the report says why', async () => {
    const because = 'nothing more was compared';
    const stalled = (): DrayError =>
      new DrayError('VerifyStalled', { attempts: 5, seconds: 120, because });
    const world = new FakeWorld().before('verifyCopy', throws(stalled));
    const copy = await startCopy(rig, world);
    expect((await copy.parked('verifyCopy')).code).toBe('VerifyStalled');
    await copy.decide({ step: 'verifyCopy', decision: 'skip', reason: 'a disk is away' });
    const { verified, certificate } = await copy.result();
    expect(verified).toMatchObject({ mode: 'off', skipped: { reason: 'a disk is away' } });
    const { statement } = certificate!.certified.verification;
    expect(statement).toContain('Nothing is proven');
    expect(statement).toContain('VerifyStalled');
    expectClean(world);
  });
});
