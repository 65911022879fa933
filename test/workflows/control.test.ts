import { Context } from '@temporalio/activity';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CopyDataInput } from '../../activities/copy.ts';
import {
  type ControlAnswer,
  PAUSE_UPDATE,
  RESUME_UPDATE,
  THROTTLE_UPDATE,
} from '../../contract/control.ts';
import type { CopyResult, PausedCopy } from '../../contract/copy.ts';
import { DrayError } from '../../contract/errors.ts';
import { busy, expectClean, failureCode, flaky, throws } from './expectations.ts';
import { FakeWorld } from './fake-world.ts';
import {
  type CopyUnderTest,
  LIMITS,
  startCopy,
  startWorkflowRig,
  type WorkflowRig,
} from './rig.ts';

let rig: WorkflowRig & { stop: () => Promise<void> };
beforeAll(async () => {
  rig = await startWorkflowRig();
});
afterAll(() => rig.stop());

const PROGRESS: PausedCopy['progress'] = {
  bytesFlushed: 4,
  bytesSubmitted: 4,
  bytesTotal: 1024 ** 3,
  bytesPerSecond: 0,
  attempt: 1,
  flushed: [{ offset: 0, length: 4 }],
  unreadable: [],
  digestsRoot: '',
  chunkStates: '',
  settled: { seconds: 1, bytesCopiedAgain: 0, bytesRepaired: 0, touched: [] },
};

/** A world whose copier does what it is told, and copies until `end` is called. */
class SteeredWorld extends FakeWorld {
  readonly inputs: CopyDataInput[] = [];
  #ended = false;

  end(): void {
    this.#ended = true;
  }

  constructor() {
    super();
    const copyData = this.copy.copyData.bind(this.copy);
    this.copy.copyData = async (input): Promise<CopyResult | PausedCopy> => {
      this.inputs.push(input);
      for (;;) {
        const { control } = input;
        const newest = this.controls.findLast(({ version }) => version > control.version);
        if ((newest ?? control).paused) return { paused: true, progress: PROGRESS };
        if (this.#ended) return copyData(input);
        Context.current().heartbeat();
        await sleep(20, undefined, { signal: Context.current().cancellationSignal });
      }
    };
  }
}

const send = (copy: CopyUnderTest, name: string, request: object = {}): Promise<ControlAnswer> =>
  copy.handle.executeUpdate<ControlAnswer, [object]>(name, { args: [request] });

async function copying(world: FakeWorld, limits = LIMITS): Promise<CopyUnderTest> {
  const copy = await startCopy(rig, world, { limits });
  await inPhase(copy, 'copying');
  return copy;
}

async function inPhase(copy: CopyUnderTest, phase: string): Promise<void> {
  while ((await copy.status()).phase !== phase) await sleep(20);
}

async function refusal(sent: Promise<unknown>): Promise<string> {
  const error = await sent.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
  const cause = (error as WorkflowUpdateFailedError).cause as { type?: string; message: string };
  expect(cause.type).toBe('ControlRefused');
  return cause.message;
}

describe('a copy', () => {
  it('hands a rate to its host, and keeps who wanted what when', async () => {
    const world = new SteeredWorld();
    const copy = await copying(world);
    const answer = await send(copy, THROTTLE_UPDATE, { limit: 1000, reason: 'office hours' });
    expect(answer).toEqual({
      control: { version: 1, paused: false, limit: 1000 },
      delivered: true,
    });
    await send(copy, THROTTLE_UPDATE, { limit: 'unlimited' });
    expect(world.controls.map(({ limit }) => limit)).toEqual([1000, 'unlimited']);
    const { controlChanges } = await copy.status();
    expect(controlChanges).toMatchObject([
      { control: { version: 1, limit: 1000 }, reason: 'office hours' },
      { control: { version: 2, limit: 'unlimited' } },
    ]);
    world.end();
    await copy.result();
    expectClean(world);
  });

  it('pauses with both volumes attached, says so, and goes on from there', async () => {
    const world = new SteeredWorld();
    const copy = await copying(world);
    await send(copy, PAUSE_UPDATE, { reason: 'backup window' });
    await inPhase(copy, 'paused');
    expect((await copy.status()).paused).toMatchObject({ bytesFlushed: 4, bytesTotal: 1024 ** 3 });
    expect(world.leftovers).toContain('destination.device');
    expect(world.calls).not.toContain('fenceCopier');
    // Twice is as good as once, and nobody copies meanwhile.
    expect(await send(copy, PAUSE_UPDATE)).toMatchObject({ delivered: true });
    await send(copy, THROTTLE_UPDATE, { limit: 5 });
    expect(world.inputs).toHaveLength(1);
    await send(copy, RESUME_UPDATE);
    await inPhase(copy, 'copying');
    while (world.inputs.length < 2) await sleep(20);
    expect(world.inputs[1]).toMatchObject({
      control: { version: 4, paused: false, limit: 5 },
      from: PROGRESS,
    });
    expect((await copy.status()).paused).toBeUndefined();
    world.end();
    await copy.result();
    expectClean(world);
  });

  it('takes everything back when cancelled while paused', async () => {
    const world = new SteeredWorld();
    const copy = await copying(world);
    await send(copy, PAUSE_UPDATE);
    await inPhase(copy, 'paused');
    await copy.handle.cancel();
    expect(await failureCode(copy.result())).toBe('CancelledFailure');
    expectClean(world);
  });

  it('that is told before it begins starts so', async () => {
    const world = new SteeredWorld();
    const told = new Promise<void>((resolve) => {
      world.before('source.connectVolume', async () => {
        resolve();
        await sleep(500);
      });
    });
    const copy = await startCopy(rig, world);
    await told;
    const answers = [
      await send(copy, THROTTLE_UPDATE, { limit: 7 }),
      await send(copy, PAUSE_UPDATE),
    ];
    expect(answers.map(({ delivered }) => delivered)).toEqual([true, true]);
    await inPhase(copy, 'paused');
    expect(world.inputs[0]?.control).toEqual({ version: 2, paused: true, limit: 7 });
    expect(world.controls).toEqual([]);
    world.end();
    await send(copy, RESUME_UPDATE);
    await copy.result();
    expectClean(world);
  });

  it('brings what its host could not take at first, the newest of it', async () => {
    const world = new SteeredWorld();
    world.before('controlCopy', (attempt) => {
      if (attempt < 3) throw flaky();
    });
    const copy = await copying(world);
    await Promise.all([
      send(copy, THROTTLE_UPDATE, { limit: 1 }),
      send(copy, THROTTLE_UPDATE, { limit: 2 }),
    ]);
    expect(world.controls.at(-1)).toEqual((await copy.status()).control);
    expect(world.controls.at(-1)?.version).toBe(2);
    world.end();
    await copy.result();
    expectClean(world);
  });

  it('keeps a pause that comes with the last byte, before it compares', async () => {
    const world = new FakeWorld();
    const lastByte = new Promise<void>((resolve) => {
      world.before('copyData', async () => {
        resolve();
        await sleep(500);
      });
    });
    const copy = await startCopy(rig, world);
    await lastByte;
    await send(copy, PAUSE_UPDATE);
    await inPhase(copy, 'paused');
    const { paused } = await copy.status();
    expect(paused?.bytesFlushed).toBe(paused?.bytesTotal);
    expect(world.calls).not.toContain('verifyCopy');
    await send(copy, RESUME_UPDATE);
    await copy.result();
    expect(world.calls.filter((call) => call === 'copyData')).toHaveLength(1);
    expectClean(world);
  });

  it('refuses what it cannot do any more, and what is no limit; verify has one', async () => {
    const world = new SteeredWorld();
    const copy = await copying(world);
    for (const limit of [0, -1, 0.5, '1MiB', undefined]) {
      expect(await refusal(send(copy, THROTTLE_UPDATE, { limit }))).toContain('bytes a second');
    }
    expect(await refusal(send(copy, PAUSE_UPDATE, { reason: 5 }))).toContain('text');
    const { control } = await copy.status();
    expect(control).toEqual({ version: 0, paused: false });
    const verifying = new Promise<void>((resolve) => {
      world.before('verifyCopy', async () => {
        resolve();
        await sleep(1000);
      });
    });
    world.end();
    await verifying;
    for (const name of [PAUSE_UPDATE, RESUME_UPDATE]) {
      expect(await refusal(send(copy, name))).toContain('the copy is verifying');
    }
    const limited = { control: { version: 1, paused: false, limit: 5 }, delivered: true };
    expect(await send(copy, THROTTLE_UPDATE, { limit: 5 })).toEqual(limited);
    expect(world.controls.at(-1)).toEqual(limited.control);
    await copy.result();
    expectClean(world);
  });
});

it('how far a pause came is forgotten where the volume was free since', async () => {
  const world = new SteeredWorld();
  world.before('copyData', (attempt) => {
    if (attempt > 1) return;
    const { holder } = world.reserved.get('b:v2')!;
    world.reserved.set('b:v2', { holder, id: 'made after it was free' });
    throw new DrayError('DeviceLost', { role: 'destination', device: '/dev/x', because: 'gone' });
  });
  world.before('destination.connectVolume', (attempt) => {
    const gone = { portal: 'p', target: 't', because: 'gone' };
    if (attempt === 2) throw new DrayError('ExportLost', gone);
  });
  const copy = await copying(world);
  await send(copy, PAUSE_UPDATE);
  await inPhase(copy, 'paused');
  world.end();
  await send(copy, RESUME_UPDATE);
  await copy.result();
  expect(world.inputs.map(({ from }) => from)).toEqual([undefined, PROGRESS, undefined]);
  expectClean(world);
});

describe('a copy that is released', () => {
  async function released(
    world = new SteeredWorld(),
    limits = LIMITS,
  ): Promise<{ world: SteeredWorld; copy: CopyUnderTest }> {
    const copy = await copying(world, limits);
    await send(copy, PAUSE_UPDATE, { release: true, reason: 'the host is needed' });
    while ((await copy.status()).paused?.released !== true) await sleep(20);
    return { world, copy };
  }

  it('leaves nothing but both reservations, and goes on elsewhere from there', async () => {
    const { world, copy } = await released();
    expect(world.leftovers).toEqual(['b:v2 reserved', 'a:v1 reserved']);
    expect(world.states.size).toBe(0);
    const before = [...world.reserved.values()].map(({ id }) => id);
    await send(copy, RESUME_UPDATE, { host: 'h2' });
    await inPhase(copy, 'copying');
    while (world.inputs.length < 2) await sleep(20);
    expect(world.inputs[1]).toMatchObject({ from: PROGRESS, control: { paused: false } });
    const { attachments } = world.inputs[1]!;
    expect(attachments.destination.owner.hostId).toBe('h2');
    expect(attachments.destination.id).toMatch(/destination\.1$/);
    expect([...world.reserved.values()].map(({ id }) => id)).toEqual(before);
    world.end();
    const report = await copy.result();
    expect(report.host).toBe('h2');
    expectClean(world);
  });

  it.each(['a:v1', 'b:v2'])('starts anew, with zeros, when %s was free meanwhile', async (name) => {
    const { world, copy } = await released(Object.assign(new SteeredWorld(), { zeros: 'skip' }));
    expect(world.inputs[0]!.plan.zeros.value).toBe('skip');
    world.reserved.delete(name);
    await send(copy, RESUME_UPDATE);
    while (world.inputs.length < 2) await sleep(20);
    expect(world.inputs[1]!.from).toBeUndefined();
    expect(world.inputs[1]!.plan.zeros.value).toBe('write');
    world.end();
    await copy.result();
    expectClean(world);
  });

  it('is cancelled with nothing to take back but the reservations', async () => {
    const { world, copy } = await released();
    const calls = world.calls.length;
    await copy.handle.cancel();
    expect(await failureCode(copy.result())).toBe('CancelledFailure');
    expect(world.calls.slice(calls).sort()).toEqual([
      'destination.removeExport',
      'setVolumeState.a:v1',
      'setVolumeState.b:v2',
      'source.removeExport',
    ]);
    expectClean(world);
  });

  it('also when it was paused before, and when it can be resumed on its own host only', async () => {
    const world = new SteeredWorld();
    const copy = await copying(world);
    await send(copy, PAUSE_UPDATE);
    await inPhase(copy, 'paused');
    expect(await refusal(send(copy, RESUME_UPDATE, { host: 'h2' }))).toContain('release first');
    await send(copy, PAUSE_UPDATE, { release: true });
    while ((await copy.status()).paused?.released !== true) await sleep(20);
    expect(world.leftovers).toHaveLength(2);
    world.end();
    await send(copy, RESUME_UPDATE);
    expect((await copy.result()).host).toBe('h1');
    expectClean(world);
  });

  it('starts anew where a volume was free meanwhile', async () => {
    const { world, copy } = await released();
    world.reserved.delete('a:v1');
    world.end();
    await send(copy, RESUME_UPDATE);
    await copy.result();
    expect(world.inputs[1]?.from).toBeUndefined();
    expectClean(world);
  });

  it.each(['source.createExport', 'destination.connectVolume', 'planCopy'])(
    'takes everything back when %s is impossible on the next host',
    async (step) => {
      const { world, copy } = await released();
      world.before(step, throws(busy));
      await send(copy, RESUME_UPDATE, { host: 'h2' });
      expect(await failureCode(copy.result())).toBe('VolumeBusy');
      expectClean(world);
    },
  );

  it('waits with words where nobody serves the next host, and is moved from there', async () => {
    // The server skips no time while a task waits for a worker: it is really waited for.
    const limits = { ...LIMITS, scheduleToStartSeconds: 10 };
    const { world, copy } = await released(new SteeredWorld(), limits);
    await send(copy, RESUME_UPDATE, { host: 'nobody' });
    const parked = await copy.parked('getConnectorProperties');
    expect(parked.code).toBe('HostGone');
    expect(world.leftovers).toHaveLength(2);
    world.end();
    await copy.decide({ step: 'getConnectorProperties', decision: 'move', host: 'h2' });
    expect((await copy.result()).host).toBe('h2');
    expectClean(world);
  });
});
