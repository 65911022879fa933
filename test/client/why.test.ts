import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { control } from '../../client/temporal/control.ts';
import { explain, type Explained } from '../../client/temporal/explain.ts';
import { listStuck } from '../../client/temporal/list.ts';
import type { Described, PendingStep } from '../../client/temporal/describe.ts';
import { isServed } from '../../client/temporal/pollers.ts';
import { type Shown, showWorkflow } from '../../client/temporal/show.ts';
import { type Wait, waitsOf } from '../../client/temporal/waits.ts';
import { type ControlAnswer, THROTTLE_UPDATE } from '../../contract/control.ts';
import type { CopyReport } from '../../contract/copy.ts';
import { backendQueue, copyQueue, hostQueue } from '../../contract/queues.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { until } from '../rig/poll.ts';
import { SmallHouse } from '../rig/small-house.ts';

const MIB = 2 ** 20;

let house: SmallHouse;
beforeAll(async () => {
  house = await SmallHouse.open();
});
afterAll(() => house.close());

/** Waits until the copy is as it should be, and answers what can be told of it then. */
async function explained(
  what: string,
  { workflowId }: WorkflowHandle,
  isSo: (shown: Shown) => boolean,
): Promise<Explained> {
  const look = async () => isSo(await showWorkflow(house.client, workflowId));
  await until(what, look, { everyMs: 250 });
  return explain(house.client, workflowId);
}

/** The data step, once some bytes are flushed. */
async function copying(copy: WorkflowHandle, bytes = 1): Promise<PendingStep> {
  const isSo = ({ steps }: Shown): boolean => steps.some((step) => flushedBy(step) >= bytes);
  const look = async () => {
    const shown = await showWorkflow(house.client, copy.workflowId);
    return isSo(shown) && shown.steps[0];
  };
  return until('bytes are flushed', look, { everyMs: 250 });
}

const unlimited = ({ workflowId }: WorkflowHandle): Promise<ControlAnswer> =>
  control(house.client, workflowId, THROTTLE_UPDATE, { limit: 'unlimited' });

const flushedBy = ({ beat }: PendingStep): number => beat?.progress.bytesFlushed ?? 0;

/** Ends a look that waits for a host which nobody serves. */
async function endLook(): Promise<void> {
  const query = `WorkflowType = "${WORKFLOWS.inspectCopy}" AND ExecutionStatus = "Running"`;
  const id = await until('somebody looks', async () => {
    for await (const { workflowId } of house.client.workflow.list({ query })) return workflowId;
    return undefined;
  });
  await house.client.workflow.getHandle(id).terminate('nobody is to look');
}

it('tells of a parked step its reason, what there is now, and commands that work', async () => {
  await house.plant('p1', 'p2', 4 * MIB);
  const copy = await house.copy('p1', 'p2', {}, 'elsewhere');
  const found = await explained('it is parked', copy, ({ needsDecision }) => needsDecision);
  expect(found.waits).toMatchObject([{ parked: { code: 'HostGone' } }]);
  expect(found.now?.host).toEqual({ unanswered: 'no worker answered on host/elsewhere' });
  const stuck = await listStuck(house.client);
  expect(stuck.map(({ workflowId }) => workflowId)).toContain(copy.workflowId);

  const blind = explain(house.client, copy.workflowId);
  await endLook();
  const { waits, now, unseen } = await blind;
  expect(waits).toMatchObject([{ parked: { code: 'HostGone' } }]);
  expect({ now, unseen }).toEqual({ unseen: 'nobody is to look' });

  const { stdout } = await house.dray('why', 'disks:p1');
  expect(stdout).toMatch(/getConnectorProperties waits for a decision since \S+ \(\d+:\d\d\)/);
  expect(stdout).toContain('HostGone: no worker answered on host/elsewhere');
  const command = `dray decide ${copy.workflowId} getConnectorProperties move --host HOST`;
  expect(stdout).toContain(command);
  const args = command.replace('HOST', 'mover').split(' ').slice(1);
  expect(await house.dray(...args, '--reason', 'it is away')).toMatchObject({ status: 0 });
  await copy.result();
  expect(await house.isEqual('p1', 'p2')).toBe(true);
  const late = await house.dray(...args, '--reason', 'me too', '--json');
  expect(late.status).toBe(2);
  expect(late.stdout).toContain('has ended: done');
});

/** A worker of this host that asks for steps, but for no copies. */
async function seeBusy(host: string): Promise<void> {
  const { connection } = house.client;
  const poll = { namespace: house.temporal.namespace, taskQueue: { name: hostQueue(host) } };
  const ask = () => connection.workflowService.pollActivityTaskQueue({ ...poll, identity: host });
  const end = new AbortController();
  // The server takes no poll without a deadline.
  const asks = connection
    .withAbortSignal(end.signal, () => connection.withDeadline(Date.now() + 60_000, ask))
    .catch(() => undefined);
  const hasAsked = () => isServed(house.client, hostQueue(host), 'activity');
  await until('the worker has asked for steps', hasAsked);
  end.abort();
  await asks;
}

it('a step nobody takes waits for a slot where there is a worker, else for one', async () => {
  await house.plant('w1', 'w2', MIB);
  const copy = await house.copy('w1', 'w2');
  await copy.result();
  const { status, ...ended } = await showWorkflow(house.client, copy.workflowId);
  await seeBusy('busy');
  const scheduledAt = new Date(Date.now() - 10_000);
  const waitFor = async (host: string, queue: string): Promise<Wait[]> => {
    const step = { id: '1', activity: 'a', queue, attempt: 1, running: false, scheduledAt };
    const described: Described = { ...ended, host, state: 'running', steps: [step] };
    return waitsOf(house.client, described, status);
  };
  expect(await waitFor('mover', hostQueue('mover'))).toMatchObject([{ kind: 'slot' }]);
  expect(await waitFor('mover', backendQueue('disks'))).toMatchObject([{ kind: 'slot' }]);
  expect(await waitFor('busy', copyQueue('busy'))).toMatchObject([{ kind: 'slot' }]);
  const [queue, copies] = [hostQueue('elsewhere'), copyQueue('elsewhere')];
  expect(await waitFor('elsewhere', queue)).toMatchObject([{ kind: 'worker', queue }]);
  expect(await waitFor('elsewhere', copies)).toMatchObject([{ kind: 'worker', queue: copies }]);
});

const isPaused = ({ steps }: Shown): boolean =>
  steps.some(({ paused, running }) => paused !== undefined && !running);

it('a step that is paused in Temporal says by whom, and goes on where it was', async () => {
  await house.plant('t1', 't2', 16 * MIB);
  const copy = await house.copy('t1', 't2', { engine: 'direct', bytesPerSecond: MIB });
  const { id } = await copying(copy);
  const step = ['--workflow-id', copy.workflowId, '--activity-id', id];
  await house.temporalCli('activity', 'pause', ...step, '--identity', 'anna', '--reason', 'later');
  const paused = await explained('it is paused', copy, isPaused);
  expect(paused.waits).toMatchObject([
    { kind: 'pausedInTemporal', step: { activity: 'copyData', paused: { by: 'anna' } } },
  ]);
  const { host, exports } = paused.now!;
  expect(host).toMatchObject({ answer: { epoch: 1, copierPids: [] } });
  const devices = Object.values('answer' in host ? host.answer.devices : {});
  expect(devices).toEqual(['t2', 't1'].map((v) => ({ claimed: true, path: house.volumeFile(v) })));
  expect(Object.entries(exports)).toMatchObject(
    paused.status!.attachments.map(({ id: reservedBy }) => [
      reservedBy,
      { answer: { reservedBy, exported: true } },
    ]),
  );
  const [list, shown, told] = await Promise.all([
    house.dray('list', '--stuck'),
    house.dray('show', copy.workflowId),
    house.dray('why', copy.workflowId),
  ]);
  expect(list.stdout).toContain('paused by anna in Temporal');
  expect(shown.stdout).toContain('paused by anna in Temporal');
  expect(told.stdout).toMatch(/copyData is paused by anna in Temporal since .*: later/);
  expect(told.stdout).toContain(`temporal activity unpause --address ${house.temporal.address}`);

  await unlimited(copy);
  await house.temporalCli('activity', 'unpause', ...step);
  const { copied, plan } = (await copy.result()) as CopyReport;
  expect(copied.attempts).toBe(2);
  expect(copied.bytesCopiedAgain).toBeLessThanOrEqual(plan.rangeBytes);
  expect(await house.isEqual('t1', 't2')).toBe(true);
});

it('a step that is paused in Temporal is left by a cancel', async () => {
  await house.plant('c1', 'c2', 16 * MIB);
  const copy = await house.copy('c1', 'c2', { bytesPerSecond: MIB });
  const { id } = await copying(copy);
  await house.temporalCli(
    'activity',
    'pause',
    '--workflow-id',
    copy.workflowId,
    '--activity-id',
    id,
  );
  await until('it is paused', async () =>
    isPaused(await showWorkflow(house.client, copy.workflowId)),
  );
  await copy.cancel();
  await expect(copy.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
});

it('a step that is reset or given other options in Temporal goes on, nothing lost', async () => {
  await house.plant('r1', 'r2', 24 * MIB);
  const copy = await house.copy('r1', 'r2', { engine: 'direct', bytesPerSecond: MIB });
  const { id } = await copying(copy);
  const step = ['--workflow-id', copy.workflowId, '--activity-id', id];
  await house.temporalCli('activity', 'reset', ...step, '--clear-heartbeat-details');
  const again = await copying(copy, 2 * MIB);
  const options = ['--heartbeat-timeout', '8s', '--retry-maximum-attempts', '50'];
  await house.temporalCli('activity', 'update-options', ...step, ...options);
  const { attempt } = await copying(copy, flushedBy(again) + 2 * MIB);
  expect(attempt).toBeLessThan(4);
  await unlimited(copy);
  const { copied, plan } = (await copy.result()) as CopyReport;
  expect(copied.bytesCopiedAgain).toBeLessThanOrEqual(plan.rangeBytes);
  expect(await house.isEqual('r1', 'r2')).toBe(true);
});
