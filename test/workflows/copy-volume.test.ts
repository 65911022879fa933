import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CERTIFY,
  DETACH,
  FORWARD,
  PREPARE,
  UNDO,
  busy,
  encryptedWorld,
  expectClean,
  failureCode,
  flaky,
  throws,
} from './expectations.ts';
import { FakeWorld, SOURCE, untilCancelled } from './fake-world.ts';
import { LIMITS, startCopy, startWorkflowRig, type WorkflowRig } from './rig.ts';

let rig: WorkflowRig & { stop: () => Promise<void> };
beforeAll(async () => {
  rig = await startWorkflowRig();
});
afterAll(() => rig.stop());

describe('copyVolume', () => {
  it('attaches destination then source, copies, verifies and detaches in reverse', async () => {
    const world = encryptedWorld();
    const report = await (await startCopy(rig, world)).result();
    expect(report.verified.mode).toBe('full');
    expect(report.held).toEqual([]);
    expect(world.calls.slice(0, FORWARD.length)).toEqual(FORWARD);
    expect(world.calls[FORWARD.length]).toBe('fenceCopier');
    expect(world.calls.at(-1)).toBe(CERTIFY);
    for (const role of ['source', 'destination']) {
      const calls = world.calls.filter((call) => call.startsWith(`${role}.`));
      expect(calls.slice(-DETACH.length)).toEqual(DETACH.map((verb) => `${role}.${verb}`));
    }
    expect(Object.fromEntries(world.states)).toEqual({
      'a:v1': ['available'],
      'b:v2': ['available'],
    });
    expectClean(world);
  });

  it('does not verify when told so, and says it', async () => {
    const world = new FakeWorld();
    const report = await (await startCopy(rig, world, { options: { verify: 'off' } })).result();
    expect(report.verified.mode).toBe('off');
    expect(world.calls).not.toContain('verifyCopy');
    expectClean(world);
  });

  it('refuses one volume in both roles, and a smaller destination, before it acquires', async () => {
    const world = new FakeWorld();
    world.sizes.set('b:v2', 512);
    world.sizes.set('a:odd', 513);
    const same = await startCopy(rig, world, { destination: SOURCE });
    expect(await failureCode(same.result())).toBe('SameVolume');
    expect(await failureCode((await startCopy(rig, world)).result())).toBe('DestinationTooSmall');
    const odd = await startCopy(rig, world, { source: { backend: 'a', id: 'odd' } });
    expect(await failureCode(odd.result())).toBe('BadSize');
    expect(world.acquired.size).toBe(0);
  });

  it.each(FORWARD)('takes everything back when %s is impossible', async (step) => {
    const world = encryptedWorld().before(step, throws(busy));
    expect(await failureCode((await startCopy(rig, world)).result())).toBe('VolumeBusy');
    if (!PREPARE.includes(step)) expect(world.states.get('b:v2')).toEqual(['available']);
    expectClean(world);
  });

  it.each(FORWARD)('takes everything back when cancelled in %s', async (step) => {
    const world = encryptedWorld();
    const started = new Promise<void>((resolve) => {
      world.before(step, async () => {
        resolve();
        // The data steps stop when told so; the others are short and finish what they do.
        if (step === 'copyData' || step === 'verifyCopy') await untilCancelled();
        else await untilCancelled().catch(() => undefined);
      });
    });
    const copy = await startCopy(rig, world);
    await started;
    await copy.handle.cancel();
    expect(await failureCode(copy.result())).toBe('CancelledFailure');
    expect((await copy.status()).phase).toBe('cancelled');
    expectClean(world);
  });

  it('finds what took effect although its answer was lost, at every step', async () => {
    const world = encryptedWorld();
    const all = [...FORWARD, ...UNDO, CERTIFY];
    for (const step of all) {
      world.after(step, (attempt) => {
        if (attempt === 1) throw flaky();
      });
    }
    await (await startCopy(rig, world)).result();
    for (const step of all) {
      expect(world.calls.filter((call) => call === step).length, step).toBeGreaterThan(1);
    }
    expectClean(world);
  });

  it.each(['destination.connectVolume', 'source.createExport'])(
    'undoes %s when it timed out but took effect, and the copy is rolled back',
    async (step) => {
      const world = encryptedWorld().after(step, () => sleep(2500));
      const copy = await startCopy(rig, world, {
        limits: { ...LIMITS, stepSeconds: 1, patienceSeconds: 1 },
      });
      const parked = await copy.parked(step);
      expect(parked.code).toBe('StepTimedOut');
      world.calm(step);
      await copy.decide({ step, decision: 'roll-back' });
      expect(await failureCode(copy.result())).toBe('StepTimedOut');
      expectClean(world);
    },
  );

  it('gives each volume an attachment id made of workflow, run, role and move', async () => {
    const world = new FakeWorld();
    const copy = await startCopy(rig, world);
    await copy.result();
    const { runId } = await copy.handle.describe();
    const prefix = `${copy.handle.workflowId.replace('/', '.')}.${runId}`;
    expect([...world.acquired.keys()]).toEqual([`${prefix}.destination.0`, `${prefix}.source.0`]);
  });
});
