import { Context } from '@temporalio/activity';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { THROTTLE_UPDATE, PAUSE_UPDATE } from '../../contract/control.ts';
import {
  DECIDE_SIGNAL,
  DECIDE_UPDATE,
  type DataNews,
  NEWS_SIGNAL,
} from '../../contract/messages.ts';
import { readDecision } from '../../workflows/read-decision.ts';
import { searchAttributes } from '../../contract/search-attributes.ts';
import { broken, expectClean, throws } from './expectations.ts';
import { FakeWorld } from './fake-world.ts';
import { type CopyUnderTest, startCopy, startWorkflowRig, type WorkflowRig } from './rig.ts';

let rig: WorkflowRig & { stop: () => Promise<void> };
beforeAll(async () => {
  rig = await startWorkflowRig();
});
afterAll(() => rig.stop());

/** Why an Update is refused. @throws Error for one that is not */
async function refusalOf(update: Promise<unknown>): Promise<string> {
  const error: unknown = await update.then(
    () => new Error('it was not refused'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof WorkflowUpdateFailedError) return error.cause!.message;
  throw error as Error;
}

async function parkedCopy(): Promise<{ world: FakeWorld; copy: CopyUnderTest; step: string }> {
  const step = 'source.connectVolume';
  const world = new FakeWorld().before(step, throws(broken));
  const copy = await startCopy(rig, world);
  await copy.parked(step);
  return { world, copy, step };
}

it('of two people who decide at once one is taken, the other is told what was', async () => {
  const { world, copy, step } = await parkedCopy();
  world.calm(step);
  const both = await Promise.allSettled(
    ['first', 'second'].map((reason) => copy.decide({ step, decision: 'retry', reason })),
  );
  expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const { decisions } = await copy.status();
  expect(decisions).toHaveLength(1);
  const late = both.find((each) => each.status === 'rejected')!;
  const { message } = (late.reason as WorkflowUpdateFailedError).cause!;
  expect(message).toContain(`retry was decided at ${decisions[0]!.at} (${decisions[0]!.reason})`);
  await copy.result();
  expectClean(world);
});

it('a step that is not parked is refused with those that are', async () => {
  const { world, copy, step } = await parkedCopy();
  const because = await refusalOf(copy.decide({ step: 'planCopy', decision: 'retry' }));
  expect(because).toContain(`that step is not parked; parked: ${step}`);
  world.calm(step);
  await copy.decide({ step, decision: 'retry' });
  await copy.result();
});

it.each([
  ['nothing', undefined, 'a decision is an object'],
  ['a text', 'retry', 'a decision is an object'],
  ['no step', { decision: 'retry', reason: 'r' }, 'it names no step'],
  ['another word', { step: 'x', decision: 'perhaps', reason: 'r' }, 'it is none of retry'],
  ['no reason', { step: 'x', decision: 'retry' }, 'a reason is needed'],
  ['no host', { step: 'x', decision: 'move', reason: 'r', host: '' }, 'move needs a host'],
])(
  '%s is refused in words, as an Update and as a Signal, and harms nothing',
  async (_, input, words) => {
    const { world, copy, step } = await parkedCopy();
    const args = input === undefined ? [] : [input];
    const update = copy.handle.executeUpdate(DECIDE_UPDATE, { args: args as [unknown] });
    expect(await refusalOf(update)).toContain(words);
    await copy.handle.signal(DECIDE_SIGNAL, ...args);
    const { refused, parked } = await copy.status();
    expect(refused?.because).toContain(words);
    expect(parked).toHaveLength(1);
    world.calm(step);
    await copy.handle.signal(DECIDE_SIGNAL, { step, decision: 'retry', reason: 'now' });
    await copy.result();
    expect((await copy.status()).refused).toBeUndefined();
  },
);

it('a number as host is refused of an Update, and counts of a Signal as before', async () => {
  const input = { step: 'x', decision: 'move', reason: 'r', host: 7 };
  expect(readDecision(input, Boolean)).toBe(input);
  const { world, copy, step } = await parkedCopy();
  const update = copy.handle.executeUpdate(DECIDE_UPDATE, { args: [{ ...input, step }] });
  expect(await refusalOf(update)).toContain('move needs a host');
  world.calm(step);
  await copy.decide({ step, decision: 'retry' });
  await copy.result();
});

it.each([
  [THROTTLE_UPDATE, [{ limit: 0 }], 'at least 1, or "unlimited"; pause stops a copy'],
  [THROTTLE_UPDATE, [{ limit: -1 }], 'at least 1'],
  [THROTTLE_UPDATE, [{ limit: 1.5 }], 'a whole number of bytes a second'],
  [THROTTLE_UPDATE, [], 'a whole number of bytes a second'],
  [THROTTLE_UPDATE, ['fast'], 'its argument is an object'],
  [PAUSE_UPDATE, [null], 'its argument is an object'],
])('%s with %j is refused in words', async (name, args, words) => {
  const { world, copy, step } = await parkedCopy();
  const update = copy.handle.executeUpdate(name, { args: args as [unknown] });
  expect(await refusalOf(update)).toContain(words);
  world.calm(step);
  await copy.decide({ step, decision: 'retry' });
  await copy.result();
});

/** The value that lists show. */
async function listedPhase({ handle }: CopyUnderTest): Promise<string | undefined> {
  return (await handle.describe()).typedSearchAttributes.get(searchAttributes.phase);
}

it('a copy that stands still says so in its phase, until a byte moves or it ends', async () => {
  let isHeld = true;
  const world = new FakeWorld().before('copyData', async () => {
    while (isHeld) {
      Context.current().heartbeat();
      await sleep(20);
    }
  });
  const copy = await startCopy(rig, world);
  const phase = async (wanted: string): Promise<void> => {
    while ((await copy.status()).phase !== wanted) await sleep(20);
  };
  await phase('copying');
  const at = '2026-11-23T08:00:00.000Z';
  const news: DataNews = { at, done: 512, total: 1024, bytesPerSecond: 1, until: at };
  const stalled: DataNews = { at, done: 512, total: 1024, bytesPerSecond: 0, stalledSince: at };
  await copy.handle.signal(NEWS_SIGNAL, news);
  await copy.handle.signal(NEWS_SIGNAL, 'nonsense');
  expect(await copy.status()).toMatchObject({ phase: 'copying', news });
  await copy.handle.signal(NEWS_SIGNAL, stalled);
  await phase('stalled');
  const at9 = '2026-11-23T09:00:00.000Z';
  const later = { ...stalled, at: at9, stalledSince: at9 };
  await copy.handle.signal(NEWS_SIGNAL, later);
  expect((await copy.status()).news).toEqual({ ...later, stalledSince: at });
  expect(await listedPhase(copy)).toBe('stalled');
  // What was sent before it and comes after it is no news.
  await copy.handle.signal(NEWS_SIGNAL, news);
  expect((await copy.status()).phase).toBe('stalled');
  const at10 = '2026-11-23T10:00:00.000Z';
  await copy.handle.signal(NEWS_SIGNAL, { ...news, at: at10 });
  await phase('copying');
  expect(await listedPhase(copy)).toBe('copying');
  await copy.handle.signal(NEWS_SIGNAL, { ...stalled, at: at10 });
  await phase('stalled');
  isHeld = false;
  await copy.result();
  expect((await copy.status()).news).toBeUndefined();
  expect(await listedPhase(copy)).toBe('done');
  expectClean(world);
});
