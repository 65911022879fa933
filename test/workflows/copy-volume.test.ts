import { WorkflowFailedError } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DrayError } from '../../contract/errors.ts';
import { DESTINATION, FakeWorld, SOURCE, untilCancelled } from './fake-world.ts';
import { LIMITS, startCopy, startWorkflowRig, type WorkflowRig } from './rig.ts';

let rig: WorkflowRig & { stop: () => Promise<void> };
beforeAll(async () => {
  rig = await startWorkflowRig();
});
afterAll(() => rig.stop());

const ATTACH = [
  'createExport',
  'initializeConnection',
  'connectVolume',
  'completeConnection',
  'proveDevice',
  'attachEncryptor',
];
const PREPARE = ['describeVolume.a:v1', 'describeVolume.b:v2', 'getConnectorProperties'];
const FORWARD = [
  ...PREPARE,
  ...ATTACH.map((verb) => `destination.${verb}`),
  ...ATTACH.map((verb) => `source.${verb}`),
  'planCopy',
  'copyData',
  'verifyCopy',
];
const DETACH = ['detachEncryptor', 'disconnectVolume', 'terminateConnection', 'removeExport'];
const UNDO = [
  'fenceCopier',
  ...DETACH.map((verb) => `destination.${verb}`),
  'setVolumeState.b:v2',
  ...DETACH.map((verb) => `source.${verb}`),
  'setVolumeState.a:v1',
];

const busy = (): DrayError => new DrayError('VolumeBusy', { volume: 'b:v2', holder: 'copy/x' });
const flaky = (): DrayError => new DrayError('ToolFailed', { tool: 't', status: '1', stderr: '' });
const broken = (): DrayError => new DrayError('StorageFull', { path: '/x' });
const throws = (error: () => DrayError) => () => {
  throw error();
};

/** The code a copy fails with. */
async function failureCode(result: Promise<unknown>): Promise<string> {
  const error = await result.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(WorkflowFailedError);
  const cause = (error as WorkflowFailedError).cause as { type?: string; name: string };
  return cause.type ?? cause.name;
}

function encryptedWorld(): FakeWorld {
  const world = new FakeWorld();
  world.encrypted = true;
  return world;
}

function expectClean(world: FakeWorld): void {
  expect(world.violations).toEqual([]);
  expect(world.leftovers).toEqual([]);
}

describe('copyVolume', () => {
  it('attaches destination then source, copies, verifies and detaches in reverse', async () => {
    const world = encryptedWorld();
    const report = await (await startCopy(rig, world)).result();
    expect(report.verified.mode).toBe('full');
    expect(report.held).toEqual([]);
    expect(world.calls.slice(0, FORWARD.length)).toEqual(FORWARD);
    expect(world.calls[FORWARD.length]).toBe('fenceCopier');
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
    for (const step of [...FORWARD, ...UNDO]) {
      world.after(step, (attempt) => {
        if (attempt === 1) throw flaky();
      });
    }
    await (await startCopy(rig, world)).result();
    for (const step of [...FORWARD, ...UNDO]) {
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
      await copy.decide({ step, decision: 'rollBack' });
      expect(await failureCode(copy.result())).toBe('StepTimedOut');
      expectClean(world);
    },
  );

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
    await copy.decide({ step: 'planCopy', decision: 'rollBack' });
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

  it('gives each volume an attachment id made of workflow, run, role and move', async () => {
    const world = new FakeWorld();
    const copy = await startCopy(rig, world);
    await copy.result();
    const { runId } = await copy.handle.describe();
    const prefix = `${copy.handle.workflowId.replace('/', '.')}.${runId}`;
    expect([...world.acquired.keys()]).toEqual([`${prefix}.destination.0`, `${prefix}.source.0`]);
  });
});

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
      expect(parked.accepts).toContain('rollBack');
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
    expect(parked.accepts).not.toContain('rollBack');
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
    expect(world.leftovers).toEqual(['source.exported', 'source.connection', 'source.device']);
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

  it('verify may be skipped by decision, and the report says off', async () => {
    const mismatch = (): DrayError => new DrayError('VerifyFailed', { offset: 4096 });
    const world = new FakeWorld().before('verifyCopy', throws(mismatch));
    const copy = await startCopy(rig, world);
    expect((await copy.parked('verifyCopy')).code).toBe('VerifyFailed');
    await copy.decide({ step: 'verifyCopy', decision: 'skip' });
    expect((await copy.result()).verified.mode).toBe('off');
    expectClean(world);
  });
});
