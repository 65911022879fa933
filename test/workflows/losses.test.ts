import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DrayError } from '../../contract/errors.ts';
import { encryptedWorld, expectClean, failureCode } from './expectations.ts';
import { FakeWorld } from './fake-world.ts';
import { startCopy, startWorkflowRig, type WorkflowRig } from './rig.ts';

let rig: WorkflowRig & { stop: () => Promise<void> };
beforeAll(async () => {
  rig = await startWorkflowRig();
});
afterAll(() => rig.stop());

describe('losses', () => {
  it('attaches a lost device anew under the same attachment and goes on', async () => {
    const world = encryptedWorld().before('copyData', (attempt) => {
      if (attempt === 1) {
        throw new DrayError('DeviceLost', { role: 'source', device: '/dev/x', because: 'gone' });
      }
    });
    await (await startCopy(rig, world)).result();
    expect(world.calls.filter((call) => call === 'source.connectVolume')).toHaveLength(2);
    expect(world.calls.filter((call) => call === 'destination.connectVolume')).toHaveLength(1);
    const fenced = world.calls.indexOf('fenceCopier');
    expect(world.calls.indexOf('source.disconnectVolume')).toBeGreaterThan(fenced);
    expect(world.acquired.size).toBe(2);
    expectClean(world);
  });

  it.each([
    ['destination.connectVolume', 'destination'],
    ['destination.proveDevice', 'destination'],
    ['source.attachEncryptor', 'source'],
    ['planCopy', 'destination'],
    ['planCopy', 'source'],
    ['verifyCopy', 'destination'],
  ] as const)('%s finds the %s device lost: it is attached anew', async (step, role) => {
    const world = encryptedWorld().before(step, (attempt) => {
      if (attempt < 3) throw new DrayError('DeviceLost', { role, device: 'x', because: 'gone' });
    });
    const copy = await startCopy(rig, world);
    await copy.result();
    expect(world.calls.filter((call) => call === `${role}.disconnectVolume`)).toHaveLength(3);
    expectClean(world);
  });

  it('asks a person about a device that is lost again and again', async () => {
    const world = encryptedWorld().before('planCopy', () => {
      throw new DrayError('DeviceLost', { role: 'source', device: 'x', because: 'gone' });
    });
    const copy = await startCopy(rig, world);
    expect((await copy.parked('planCopy')).code).toBe('DeviceLost');
    await copy.decide({ step: 'planCopy', decision: 'roll-back' });
    expect(await failureCode(copy.result())).toBe('DeviceLost');
    expectClean(world);
  });

  it('attaches it anew, too, when that person decides retry', async () => {
    const world = encryptedWorld().before('planCopy', () => {
      throw new DrayError('DeviceLost', { role: 'source', device: 'x', because: 'gone' });
    });
    const copy = await startCopy(rig, world);
    await copy.parked('planCopy');
    const before = world.calls.filter((call) => call === 'source.disconnectVolume').length;
    world.calm('planCopy');
    await copy.decide({ step: 'planCopy', decision: 'retry' });
    await copy.result();
    // Once for the decision, once for the end.
    const after = world.calls.filter((call) => call === 'source.disconnectVolume').length;
    expect(after).toBe(before + 2);
    expectClean(world);
  });

  it.each([
    ['initializeConnection', 'NotExported', { volume: 'b:v2', attachment: 'x' }],
    ['connectVolume', 'ExportLost', { portal: 'p', target: 't', because: 'gone' }],
    ['completeConnection', 'NotExported', { volume: 'b:v2', attachment: 'x' }],
    ['proveDevice', 'ExportLost', { portal: 'p', target: 't', because: 'gone' }],
  ] as const)('%s finds the export gone (%s): it is exported anew', async (verb, code, params) => {
    const world = new FakeWorld().before(`source.${verb}`, (attempt) => {
      if (attempt === 1) throw new DrayError(code, params as never);
    });
    const copy = await startCopy(rig, world);
    await copy.result();
    expect(world.calls.filter((call) => call === 'source.createExport')).toHaveLength(2);
    expectClean(world);
  });
});
