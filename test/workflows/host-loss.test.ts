import { Context } from '@temporalio/activity';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CopyDataInput } from '../../activities/copy.ts';
import type { CopyInput, CopyProgress } from '../../contract/copy.ts';
import { STALL_ATTEMPTS, type TimeLimits } from '../../contract/limits.ts';
import { LOST_MEMO } from '../../contract/messages.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';
import { FakeWorld, type Trouble, untilCancelled } from './fake-world.ts';
import { type CopyUnderTest, startCopy, startWorkers, type Workers } from './rig.ts';

// The time-skipping server knows no end of an attempt by its silence.
const LIMITS: TimeLimits = {
  heartbeatSeconds: 1,
  stepSeconds: 20,
  scheduleToStartSeconds: 2,
  patienceSeconds: 2,
  retryInitialSeconds: 0.2,
  retryMaximumSeconds: 0.2,
};

const PROGRESS: CopyProgress = {
  bytesFlushed: 4,
  bytesSubmitted: 4,
  bytesTotal: 1024 ** 3,
  bytesPerSecond: 0,
  attempt: 1,
  flushed: [{ offset: 0, length: 4 }],
  unreadable: [],
  digestsRoot: '',
  chunkStates: '',
};
const SETTLED = { seconds: 1, bytesCopiedAgain: 0, bytesRepaired: 0, touched: [] };

let temporal: TestTemporal;
let env: TestWorkflowEnvironment;
let workers: Workers;
const worlds = new Map<string, FakeWorld>();
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  temporal = await startTemporal();
  env = await TestWorkflowEnvironment.createFromExistingServer({ address: temporal.address });
  workers = await startWorkers(env, worlds);
});
afterAll(async () => {
  await workers.stop();
  await env.teardown();
  await temporal.stop();
});

/** As on a host that is cut off: nobody hears of it any more. */
const silent: Trouble = async () => {
  await Context.current().cancelled;
};

/** A world that keeps what copyData was asked for. */
class LossyWorld extends FakeWorld {
  readonly inputs: CopyDataInput[] = [];

  /** `lost`: attempts at copyData that tell how far they came and then fall silent. */
  constructor(lost = 1) {
    super();
    const copyData = this.copy.copyData.bind(this.copy);
    this.copy.copyData = async (input) => {
      this.inputs.push(input);
      if (this.inputs.length > lost) return copyData(input);
      Context.current().heartbeat({ ...PROGRESS, settled: SETTLED });
      await silent(1);
      throw new Error('nobody hears this');
    };
  }
}

const start = (world: FakeWorld, input: Partial<CopyInput> = {}): Promise<CopyUnderTest> =>
  startCopy({ env, worlds }, world, { limits: LIMITS, ...input });

const POLICY = { standby: ['h2'] };
const ON_THE_LOST_HOST = ['destination.device', 'source.device'];

/** Both accesses were taken away before anybody else was let in. */
function expectCutOffFirst({ calls }: FakeWorld): void {
  for (const role of ['destination', 'source']) {
    const revoked = calls.indexOf(`${role}.revokeAccess`);
    expect(revoked).toBeGreaterThan(0);
    expect(calls.lastIndexOf('destination.createExport')).toBeGreaterThan(revoked);
  }
}

describe('a host that is lost while it copies', () => {
  it('is left for one that stands by, from where the last heartbeat was', async () => {
    const world = new LossyWorld().before('answer', silent);
    const copy = await start(world, POLICY);
    const { host, lost } = await copy.result();
    expect(host).toBe('h2');
    const ids = world.inputs.map(({ attachments }) =>
      [attachments.destination, attachments.source].map(({ id }) => id),
    );
    expect(lost).toMatchObject([{ host: 'h1', next: 'h2', attachments: ids[0] }]);
    expect(lost![0]!.cutOff.toSorted()).toEqual(['a:v1', 'b:v2']);
    expect((await copy.handle.describe()).memo?.[LOST_MEMO]).toEqual(ids[0]);
    // What an attempt had settled before it fell silent says nothing of what came after.
    expect(world.inputs[1]!.from).toEqual(PROGRESS);
    expect(world.inputs[1]!.attachments.destination.id).toMatch(/destination\.1$/);
    expectCutOffFirst(world);
    expect(world.leftovers).toEqual(ON_THE_LOST_HOST);
  });

  it('waits for a decision without a policy, and goes on from there after a move', async () => {
    const world = new LossyWorld().before('answer', silent);
    const copy = await start(world);
    const { code, accepts } = await copy.parked('copyData');
    expect([code, accepts]).toEqual(['HostGone', ['retry', 'roll-back', 'move']]);
    expect((await copy.status()).lost).toEqual([]);
    await copy.decide({ step: 'copyData', decision: 'move', host: 'h2' });
    expect((await copy.result()).host).toBe('h2');
    expect(world.inputs[1]!.from).toEqual(PROGRESS);
    expectCutOffFirst(world);
    expect(world.leftovers).toEqual(ON_THE_LOST_HOST);
  });

  it('keeps its volumes where a backend cannot take its access away, until it is stated off', async () => {
    const world = new LossyWorld().before('answer', silent);
    world.revoke = 'cannot';
    const copy = await start(world, POLICY);
    const parked = await copy.parked('fenceCopier');
    expect([parked.code, parked.accepts]).toEqual(['RevokeImpossible', ['retry', 'force']]);
    expect(world.leftovers).toContain('destination.exported');
    expect(world.inputs).toHaveLength(1);
    await copy.decide({ step: 'fenceCopier', decision: 'force', hostIsOff: true });
    expect((await copy.result()).host).toBe('h2');
    expect(world.inputs[1]!.from).toEqual(PROGRESS);
  });

  it('writes all zeros where nobody knows how far it came', async () => {
    const world = new FakeWorld().before('copyData', (attempt) =>
      attempt === 1 ? silent(attempt) : undefined,
    );
    Object.assign(world, { zeros: 'skip' });
    const copy = await start(world.before('answer', silent), POLICY);
    const { plan } = await copy.result();
    expect(plan.zeros).toEqual({
      value: 'write',
      because: 'a host was lost that may have written meanwhile',
    });
  });

  it('is noticed while its attempt seems to run, or waits for a slot', async () => {
    const world = new FakeWorld()
      .before('answer', silent)
      .before('copyData', (attempt) => (attempt === 1 ? untilCancelled() : undefined));
    world.dray.lastHeartbeat = () => Promise.resolve(PROGRESS);
    const copy = await start(world, POLICY);
    expect((await copy.result()).host).toBe('h2');
    expectCutOffFirst(world);
  });
});

describe('a host that answers again', () => {
  it('goes on as if nothing had been', async () => {
    const world = new LossyWorld().before('answer', (attempt) =>
      attempt === 1 ? silent(attempt) : undefined,
    );
    // Long enough for a second question.
    const limits = { ...LIMITS, scheduleToStartSeconds: 6 };
    const { host, lost } = await (await start(world, { ...POLICY, limits })).result();
    expect([host, lost]).toEqual(['h1', undefined]);
    expect(world.inputs[1]!.from).toEqual(PROGRESS);
    expect(world.calls).not.toContain('destination.revokeAccess');
    expect(world.leftovers).toEqual([]);
  });

  it('after it was parked goes on without a decision', async () => {
    const world = new LossyWorld().before('answer', (attempt) =>
      attempt <= 3 ? silent(attempt) : undefined,
    );
    const copy = await start(world);
    expect((await copy.parked('copyData')).code).toBe('HostGone');
    expect((await copy.result()).host).toBe('h1');
    expect((await copy.status()).decisions).toEqual([]);
    expect(world.inputs[1]!.from).toEqual(PROGRESS);
  });

  it('and whose step falls silent again and again without a byte more is parked', async () => {
    const world = new LossyWorld(STALL_ATTEMPTS);
    const copy = await start(world, POLICY);
    const { code } = await copy.parked('copyData');
    expect(code).toBe('StepTimedOut');
    expect(world.inputs).toHaveLength(STALL_ATTEMPTS);
    await copy.decide({ step: 'copyData', decision: 'retry' });
    expect((await copy.result()).host).toBe('h1');
  });
});

it('a host that was never there is left with nothing to take away, as often as need be', async () => {
  const world = new FakeWorld();
  const copy = await start(world, { host: 'nobody', standby: ['nobody2', 'h2'] });
  const { host, lost } = await copy.result();
  expect(host).toBe('h2');
  expect(lost).toMatchObject([
    { host: 'nobody', next: 'nobody2', attachments: [] },
    { host: 'nobody2', next: 'h2', attachments: [] },
  ]);
  expect(world.leftovers).toEqual([]);
});

it('where the last that stands by is lost as well, a person is asked', async () => {
  const copy = await start(new FakeWorld(), { host: 'nobody', standby: ['nobody2'] });
  expect((await copy.parked('getConnectorProperties')).code).toBe('HostGone');
  await copy.decide({ step: 'getConnectorProperties', decision: 'move', host: 'h1' });
  expect((await copy.result()).host).toBe('h1');
});

it('is lost after the copy: what the backends have is taken back, and nobody signs', async () => {
  const world = new FakeWorld().before('answer', silent);
  for (const role of ['source', 'destination']) world.before(`${role}.disconnectVolume`, silent);
  const copy = await start(world, { ...POLICY, limits: { ...LIMITS, patienceSeconds: 1 } });
  const { host, lost, held, uncertified } = await copy.result();
  expect([host, held]).toEqual(['h1', []]);
  expect(lost).toMatchObject([{ host: 'h1' }]);
  expect(uncertified).toBe('host h1 was lost before it could sign');
  expect(world.leftovers).toEqual(ON_THE_LOST_HOST);
});
