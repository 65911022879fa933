import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DrayError } from '../../contract/errors.ts';
import { type DataNews, NEWS_SIGNAL } from '../../contract/messages.ts';
import { FakeWorld } from './fake-world.ts';
import { type CopyUnderTest, startCopy, startWorkflowRig, type WorkflowRig } from './rig.ts';

let rig: WorkflowRig & { stop: () => Promise<void> };
beforeAll(async () => (rig = await startWorkflowRig()));
afterAll(() => rig.stop());

function worldWithHooks(): FakeWorld {
  const world = new FakeWorld();
  world.hooks = ['pager'];
  return world;
}

/** The workflows that a run has left its messages to. */
async function notices({ handle }: CopyUnderTest): Promise<WorkflowHandle[]> {
  const { events } = await handle.fetchHistory();
  const ids = (events ?? []).flatMap(
    (event) =>
      event.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId ?? [],
  );
  return ids.map((id) => rig.env.client.workflow.getHandle(id));
}

async function delivered(copy: CopyUnderTest): Promise<void> {
  for (const notice of await notices(copy)) await notice.result();
}

it('without hooks a copy starts no workflow', async () => {
  const world = new FakeWorld();
  const copy = await startCopy(rig, world);
  await copy.result();
  expect(await notices(copy)).toEqual([]);
});

it('tells that a step parked, with the commands that decide, and then how the copy ended', async () => {
  const world = worldWithHooks().before('source.connectVolume', (attempt) => {
    if (attempt === 1) throw new DrayError('StorageFull', { path: '/x' });
  });
  const copy = await startCopy(rig, world);
  await copy.parked('source.connectVolume');
  await copy.decide({ step: 'source.connectVolume', decision: 'retry' });
  await copy.result();
  await delivered(copy);
  const { workflowId } = copy.handle;
  expect(world.told).toMatchObject([
    {
      type: 'run.parked',
      data: {
        ...{ workflowId, title: 'a:v1 → b:v2', host: 'h1', held: [] },
        ...{ step: 'source.connectVolume', code: 'StorageFull' },
        message: 'no space is left on /x',
        whatToDo: 'Make room there, then decide `retry`.',
        next: [
          `dray why ${workflowId}`,
          `dray decide ${workflowId} source.connectVolume retry --reason '…'`,
          `dray decide ${workflowId} source.connectVolume roll-back --reason '…'`,
          `dray decide ${workflowId} source.connectVolume move --host HOST --reason '…'`,
        ],
      },
    },
    { type: 'run.ended', data: { outcome: 'done', next: [`dray report ${workflowId}`] } },
  ]);
});

it('tells a stall once, and another one anew', async () => {
  const world = worldWithHooks();
  let copied: () => void = () => undefined;
  world.before('copyData', () => new Promise((resolve) => (copied = resolve)));
  const copy = await startCopy(rig, world);
  const news = { done: 1, total: 2, bytesPerSecond: 0 };
  const tell = (minute: number, stalledSince?: string): Promise<void> => {
    const at = `2026-01-01T00:0${minute}:00.000Z`;
    const told: DataNews = { ...news, at, ...(stalledSince && { stalledSince }) };
    return copy.handle.signal(NEWS_SIGNAL, told);
  };
  const phase = async (wanted: string): Promise<void> => {
    while ((await copy.status()).phase !== wanted) await rig.env.sleep('1 second');
  };
  await phase('copying');
  await tell(1, '2026-01-01T00:00:30.000Z');
  await tell(2, '2026-01-01T00:00:30.000Z');
  await phase('stalled');
  await tell(3);
  await phase('copying');
  await tell(4, '2026-01-01T00:03:30.000Z');
  await phase('stalled');
  copied();
  await copy.result();
  await delivered(copy);
  expect(world.told.map(({ type, data }) => [type, data.message]).sort()).toEqual([
    ['run.ended', 'it is done'],
    ['run.stalled', 'no byte since 2026-01-01T00:00:30.000Z'],
    ['run.stalled', 'no byte since 2026-01-01T00:03:30.000Z'],
  ]);
});

it('tells of a cancelled copy, and of what was left by decision', async () => {
  const world = worldWithHooks().before('destination.disconnectVolume', () => {
    throw new DrayError('DeviceBusy', { device: '/dev/x', volume: 'b:v2', because: 'a test' });
  });
  const copy = await startCopy(rig, world);
  await copy.parked('destination.disconnectVolume');
  await copy.handle.cancel();
  await copy.decide({ step: 'destination.disconnectVolume', decision: 'skip' });
  await copy.result().catch(() => undefined);
  await delivered(copy);
  expect(world.told.map(({ type }) => type)).toEqual(['run.parked', 'run.ended']);
  expect(world.told[1]?.data.held).toEqual(['device of b:v2: skipped by decision: test']);
});

it('a message that nobody takes within a day fails its own workflow, and no copy', async () => {
  const world = worldWithHooks().before('callHook', () => {
    throw new DrayError('Unexpected', { because: 'a test' });
  });
  const copy = await startCopy(rig, world);
  expect((await copy.result()).verified.mode).toBe('full');
  const [notice] = await notices(copy);
  await expect(notice!.result()).rejects.toMatchObject({ cause: { type: 'Unexpected' } });
  const { events } = await notice!.fetchHistory();
  const calls = (events ?? []).flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
  expect(calls.map((call) => Number(call.scheduleToCloseTimeout?.seconds))).toEqual([24 * 3600]);
  expect(world.leftovers).toEqual([]);
});
