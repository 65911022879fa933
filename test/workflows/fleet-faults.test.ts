import { randomUUID } from 'node:crypto';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeFailure } from '../../client/failure.ts';
import { retryFleet } from '../../client/temporal/fleet.ts';
import { copyAtStart, attributesAtStart } from '../../contract/copy-start.ts';
import { fleetWorkflowId } from '../../contract/ids.ts';
import { DEFAULT_LIMITS } from '../../contract/limits.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { until } from '../rig/poll.ts';
import { FleetRig, FleetUnderTest, inputOf, named, volumes } from './fleet/rig.ts';

let rig: FleetRig;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  rig = await FleetRig.start();
});
afterAll(() => rig.stop());

/** Runs of copies that were ended by somebody else than themselves. */
async function terminated(ids: readonly string[]): Promise<string[]> {
  const ended: string[] = [];
  for (const id of ids) {
    const query = `WorkflowId = "copy/a:${id}" AND ExecutionStatus = "Terminated"`;
    if ((await rig.client.workflow.count(query)).count > 0) ended.push(id);
  }
  return ended;
}

async function expectEachOnce(ids: readonly string[]): Promise<void> {
  // Lists lag behind what they show.
  await until('lists know all copies', async () => {
    const runs = await Promise.all(ids.map((id) => rig.runsOf(id)));
    return runs.every((count) => count >= 1);
  });
  expect(await Promise.all(ids.map((id) => rig.runsOf(id)))).toEqual(ids.map(() => 1));
  expect(await terminated(ids)).toEqual([]);
}

/** Back to the task of the workflow after so many others; the history from there on is gone. */
async function reset(fleet: FleetUnderTest, after: number): Promise<void> {
  const { runId } = await fleet.handle.describe();
  const { events } = await fleet.handle.fetchHistory();
  const tasks = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
  await rig.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: fleetWorkflowId(fleet.name), runId },
    reason: 'a test',
    requestId: randomUUID(),
    workflowTaskFinishEventId: tasks[Math.min(after, tasks.length - 1)]!.eventId!,
  });
}

async function copyByHand(id: string, destination: string): Promise<void> {
  const input = {
    source: { backend: 'a', id },
    destination: { backend: 'b', id: destination },
    ...{ host: 'h1', options: {}, limits: DEFAULT_LIMITS },
  };
  await rig.client.workflow.start(WORKFLOWS.copyVolume, {
    workflowId: copyAtStart(input).workflowId,
    taskQueue: WORKFLOW_QUEUE,
    args: [input],
    typedSearchAttributes: attributesAtStart({ host: 'h1', destination: `b:${destination}` }),
  });
}

const atWork = (fleet: FleetUnderTest, count: number) =>
  fleet.until(`${count} at work`, ({ counts }) => counts.running === count);

async function finish(fleet: FleetUnderTest, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await fleet.until(id, ({ running }) => running.includes(`copy/a:${id}`));
    await rig.goOn(id);
  }
}

describe('a fleet that was terminated', () => {
  it('leaves its copies, and its plan started again takes them over', async () => {
    const [done, bad, slow] = [named('v', 3), named('bad', 1), named('slow', 4)];
    const ids = [...done, ...bad, ...slow];
    const fleet = await rig.fleet(volumes(ids), { limits: { total: 2 } });
    await fleet.until('two at work', ({ counts }) => counts.running === 2 && counts.done === 3);
    await fleet.handle.terminate('a test');
    await rig.goOn(slow[0]!);
    expect(await fleet.start()).toMatchObject({ already: false });
    await finish(fleet, slow.slice(1));
    expect((await fleet.result()).counts).toMatchObject({ done: 7, failed: 1 });
    await expectEachOnce(ids);
  });

  it('a parked copy is known as such by the next run', async () => {
    const [parked = ''] = named('park', 1);
    const others = named('v', 2);
    const fleet = await rig.fleet(volumes([parked, ...others]), { limits: { total: 1 } });
    await fleet.until('it is parked', ({ counts }) => counts.parked === 1 && counts.done === 2);
    await fleet.handle.terminate('a test');
    await fleet.start();
    await fleet.until('it is parked', ({ counts }) => counts.parked === 1 && counts.done === 2);
    await rig.goOn(parked);
    expect((await fleet.result()).counts.done).toBe(3);
    await expectEachOnce([parked, ...others]);
  });
});

describe('a fleet that is reset', () => {
  it.each([0, 1, 3, 6])('after %i of its tasks goes on with what is there', async (after) => {
    const [done, slow] = [named('v', 3), named('slow', 4)];
    const ids = [...slow.slice(0, 1), ...done, ...slow.slice(1)];
    const fleet = await rig.fleet(volumes(ids), { limits: { total: 2 } });
    await fleet.until('two at work', ({ counts }) => counts.running === 2 && counts.done === 3);
    await reset(fleet, after);
    await finish(fleet, slow);
    expect((await fleet.result()).counts).toMatchObject({ done: 7, failed: 0 });
    await expectEachOnce(ids);
  });

  it('with copies that end while it is away, knows their end', async () => {
    const slow = named('slow', 3);
    const fleet = await rig.fleet(volumes(slow), { limits: { total: 3 } });
    await atWork(fleet, 3);
    await reset(fleet, 1);
    for (const id of slow) await rig.goOn(id);
    expect((await fleet.result()).counts.done).toBe(3);
    await expectEachOnce(slow);
  });

  it.each([0, 2, 5])(
    'after %i tasks, once terminated, with its worker gone meanwhile',
    async (after) => {
      const slow = named('slow', 6);
      const fleet = await rig.fleet(volumes(slow), { limits: { total: 3 } });
      await atWork(fleet, 3);
      await rig.goOn(slow[0]!);
      await fleet.until('one is done', ({ counts }) => counts.done === 1 && counts.running === 3);
      await fleet.handle.terminate('a test');
      await rig.stopWorker();
      await reset(fleet, after);
      await rig.startWorker();
      await finish(fleet, slow.slice(1));
      expect((await fleet.result()).counts).toMatchObject({ done: 6, failed: 0 });
      await expectEachOnce(slow);
    },
  );

  it('after a retry does not end what was begun again', async () => {
    const [bad, slow] = [named('bad', 1), named('slow', 2)];
    const fleet = await rig.fleet(volumes([...bad, ...slow]));
    await fleet.until('one failed', ({ counts }) => counts.failed === 1 && counts.running === 2);
    await fleet.tell('retry');
    await fleet.until('again', ({ counts }) => counts.failed === 1);
    await reset(fleet, 0);
    await finish(fleet, slow);
    expect((await fleet.result()).counts).toMatchObject({ done: 2, failed: 1 });
    await expectEachOnce(slow);
  });
});

describe('a copy that the fleet did not begin', () => {
  it('is taken over where it has the same destination', async () => {
    const [id = ''] = named('slow', 1);
    await copyByHand(id, id);
    const fleet = await rig.fleet(volumes([id]));
    await atWork(fleet, 1);
    await rig.goOn(id);
    expect((await fleet.result()).counts.done).toBe(1);
    await expectEachOnce([id]);
  });

  it('fails its volume where it has another one', async () => {
    const [id = ''] = named('slow', 1);
    await copyByHand(id, 'elsewhere');
    const { counts, failed } = await (await rig.fleet(volumes([id]))).result();
    expect(counts.failed).toBe(1);
    expect(failed[0]).toMatchObject({ code: 'CopyRunning' });
    expect(failed[0]!.message).toContain('onto b:elsewhere and not b:');
    await rig.goOn(id);
  });

  it('and was done since the plan was made, counts; an older one does not', async () => {
    const [old = '', young = ''] = named('v', 2);
    await copyByHand(old, old);
    await rig.client.workflow.getHandle(`copy/a:${old}`).result();
    const madeAt = new Date().toISOString();
    await copyByHand(young, young);
    await rig.client.workflow.getHandle(`copy/a:${young}`).result();
    const fleet = await rig.fleet(volumes([old, young]), { madeAt });
    expect((await fleet.result()).counts.done).toBe(2);
    await until('lists know both', async () => (await rig.runsOf(old)) === 2);
    expect(await rig.runsOf(young)).toBe(1);
  });
});

it('a terminated copy has failed, and can be begun again', async () => {
  const ids = named('slow', 2);
  const fleet = await rig.fleet(volumes(ids));
  await atWork(fleet, 2);
  await rig.client.workflow.getHandle(`copy/a:${ids[0]}`).terminate('a test');
  const { failed } = await fleet.until('it failed', ({ counts }) => counts.failed === 1);
  expect(failed[0]).toMatchObject({ code: 'Terminated' });
  await fleet.tell('retry');
  await finish(fleet, ids);
  expect((await fleet.result()).counts.done).toBe(2);
});

it('one that is over is retried in a new run, and nothing is retried twice', async () => {
  const [bad, fine] = [named('bad', 2), named('v', 3)];
  const fleet = await rig.fleet(volumes([...bad, ...fine]));
  expect((await fleet.result()).counts).toMatchObject({ done: 3, failed: 2 });
  const answer = await retryFleet(rig.client, fleet.name, {});
  expect(answer.said).toBe('begins 2 volumes again');
  expect((await fleet.result()).counts).toMatchObject({ done: 3, failed: 2 });
  await expectEachOnce(fine);
  await until('both were begun again', async () => (await rig.runsOf(bad[1]!)) === 2);
});

it('a plan that was carried out and is started again copies nothing', async () => {
  const ids = named('v', 5);
  const fleet = await rig.fleet(volumes(ids));
  await fleet.result();
  await fleet.start();
  expect((await fleet.result()).counts.done).toBe(5);
  await expectEachOnce(ids);
});

it('started twice is one run; another plan of that name is refused', async () => {
  const ids = named('slow', 1);
  const fleet = await rig.fleet(volumes(ids));
  expect(await fleet.start()).toMatchObject({ already: true });
  const { name } = fleet;
  const other = new FleetUnderTest(rig, inputOf(volumes(named('v', 1)), { name }));
  const error: unknown = await other.start().catch((thrown: unknown) => thrown);
  expect(describeFailure(error).code).toBe('FleetRunning');
  await finish(fleet, ids);
  await fleet.result();
});

it('goes on when Temporal restarts in the middle', async () => {
  const ids = named('slow', 8);
  const fleet = await rig.fleet(volumes(ids), { limits: { total: 3 } });
  await atWork(fleet, 3);
  await rig.temporal.restart();
  await finish(fleet, ids);
  expect((await fleet.result()).counts).toMatchObject({ done: 8, failed: 0 });
  await expectEachOnce(ids);
});
