import type { WorkflowHandle } from '@temporalio/client';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PendingStep } from '../../client/temporal/describe.ts';
import { showWorkflow } from '../../client/temporal/show.ts';
import { PAUSE_UPDATE, RESUME_UPDATE, THROTTLE_UPDATE } from '../../contract/control.ts';
import type { CopyReport } from '../../contract/copy.ts';
import {
  DECIDE_SIGNAL,
  DECIDE_UPDATE,
  type Decision,
  type DecisionKind,
} from '../../contract/messages.ts';
import { openBrowser } from '../rig/browser.ts';
import { until } from '../rig/poll.ts';
import { SmallHouse } from '../rig/small-house.ts';
import { TemporalUi } from '../rig/temporal-ui.ts';

const MIB = 2 ** 20;
/** One that takes longer than all tests, one that waits for a decision, and one that is done. */
const [SLOW, PARKED, DONE] = ['vm1', 'vm2', 'vm3'] as const;
const PENDING = 'Pending Activities';

let [house, browser, ui] = [] as unknown as [SmallHouse, Browser, TemporalUi];
let [slow, parked] = [] as unknown as [WorkflowHandle, WorkflowHandle];

const shown = ({ workflowId }: WorkflowHandle) => showWorkflow(house.client, workflowId);
const flushedBy = ({ beat }: PendingStep): number => beat?.progress.bytesFlushed ?? 0;

/** The data step of the slow copy, once it is as wanted. */
function copying(what: string, isSo: (step: PendingStep) => boolean): Promise<PendingStep> {
  return until(what, async () => {
    const { steps } = await shown(slow);
    return steps.find((step) => step.activity === 'copyData' && isSo(step));
  });
}

beforeAll(async () => {
  [house, browser] = await Promise.all([SmallHouse.open({ ui: true }), openBrowser()]);
  ui = await TemporalUi.open(browser, house.temporal);
  await house.plant(SLOW, `${SLOW}-new`, 128 * MIB);
  for (const name of [PARKED, DONE]) await house.plant(name, `${name}-new`, 4 * MIB);
  parked = await house.copy(PARKED, `${PARKED}-new`, {}, 'elsewhere');
  const done = await house.copy(DONE, `${DONE}-new`);
  slow = await house.copy(SLOW, `${SLOW}-new`, { engine: 'direct', bytesPerSecond: MIB / 2 });
  await done.result();
  await copying('bytes are flushed', (step) => flushedBy(step) > 0);
  await until('it is parked', async () => (await shown(parked)).needsDecision);
});

afterAll(async () => {
  await browser.close();
  await house.close();
});

/** That the page comes to list these and no others. */
async function expectListed(...copies: string[]): Promise<void> {
  const wanted = copies.map((name) => `copy/disks:${name}`).sort();
  await expect.poll(async () => (await ui.listed()).sort(), { timeout: 20_000 }).toEqual(wanted);
}

it('lists copies, and filters them by what Drayage says of them', async () => {
  await ui.openList('WorkflowType="copyVolume"');
  await expectListed(SLOW, DONE, PARKED);
  await ui.picture('list');
  await ui.openList('DrayPhase="copying"');
  await expectListed(SLOW);
  await ui.openList(`DrayHost="mover" AND DrayDestination="disks:${DONE}-new"`);
  await expectListed(DONE);

  await ui.openList('');
  await ui.button('Add Filter').click();
  await ui.page.getByText('DrayNeedsDecision', { exact: true }).click();
  await ui.button('True').click();
  await ui.button('Apply').click();
  await expectListed(PARKED);
  await ui.picture('needs-decision');
});

it('shows a running copy in words, with bytes that become more', async () => {
  await ui.openWorkflow(slow.workflowId, 'User Metadata');
  const words = /(\d+) %, .* of 128 MiB, at .* UTC, with .*\/s\. Done at .* UTC if it goes on so\./;
  const [, percent] = await ui.readDetails(words);
  await ui.readDetails(/Nothing to do\. To stop it, cancel it/);
  await ui.picture('running');
  await until(
    'it is further',
    async () => Number((await ui.readDetails(words))[1]) > Number(percent),
  );

  await ui.openTab(PENDING);
  const onPage = async (): Promise<number> => {
    const text = await ui.page.locator('body').innerText();
    return Number(/"bytesFlushed":\s*(\d+)/.exec(text)?.[1] ?? 0);
  };
  const bytes = await until('bytes on the page', async () => (await onPage()) || undefined);
  await until('more bytes on the page', async () => (await onPage()) > bytes);
  expect(flushedBy(await copying('it runs', () => true))).toBeGreaterThanOrEqual(await onPage());
});

/** The argument that the details offer for a decision, with something written for each `…`. */
async function offered(kind: DecisionKind, written: Partial<Decision>): Promise<Decision> {
  await ui.openWorkflow(parked.workflowId, 'User Metadata');
  const [argument] = await ui.readDetails(new RegExp(`\\{.*"${kind}".*\\}`));
  return { ...(JSON.parse(argument) as Decision), ...written };
}

it('takes decisions about a parked copy from the forms, and says why it refuses one', async () => {
  const retry = await offered('retry', { reason: 'mover is told to be back' });
  await ui.readDetails(/HostGone: no worker answered on host\/elsewhere/);
  await ui.picture('parked');
  await ui.fillMessage('Update', DECIDE_UPDATE, { ...retry, decision: 'skip' });
  await ui.confirm();
  await ui.dialog.getByText('this step accepts retry, roll-back, move').first().waitFor();
  await ui.picture('refused');
  await ui.page.keyboard.press('Escape');
  expect((await shown(parked)).status?.decisions).toEqual([]);

  await ui.page.reload();
  await ui.fillMessage('Update', DECIDE_UPDATE, retry);
  await ui.picture('decide');
  await ui.confirm();
  await until('it is tried again, in vain', async () => {
    const { status } = await shown(parked);
    return status?.decisions.length === 1 && status.parked.length === 1;
  });

  const move = await offered('move', { host: 'mover', reason: 'elsewhere is gone' });
  await ui.fillMessage('Signal', DECIDE_SIGNAL, move);
  await ui.confirm();
  const { host, copied } = (await parked.result()) as CopyReport;
  expect({ host, attempts: copied.attempts }).toEqual({ host: 'mover', attempts: 1 });
  expect(await house.isEqual(PARKED, `${PARKED}-new`)).toBe(true);
  await ui.openList('DrayPhase="done"');
  await expectListed(DONE, PARKED);
});

it('limits, pauses and resumes a copy from the forms, and says why it refuses a limit', async () => {
  const status = async () => (await shown(slow)).status!;
  const send = async (update: string, argument: object): Promise<void> => {
    await ui.openWorkflow(slow.workflowId, 'User Metadata');
    await ui.fillMessage('Update', update, argument);
    await ui.confirm();
  };
  await send(THROTTLE_UPDATE, { limit: 0 });
  await ui.dialog
    .getByText(/a limit is a whole number/)
    .first()
    .waitFor();
  expect((await status()).controlChanges).toEqual([]);

  await send(THROTTLE_UPDATE, { limit: MIB / 4, reason: 'the backup runs' });
  await until('the limit is in force', async () => (await status()).control.limit === MIB / 4);
  await send(PAUSE_UPDATE, { reason: 'the array is serviced' });
  const paused = await until('it stands still', async () => (await status()).paused);
  await ui.openWorkflow(slow.workflowId, 'User Metadata');
  await ui.readDetails(/[Pp]aused/);
  await ui.openList('DrayPhase="paused"');
  await expectListed(SLOW);
  expect((await shown(slow)).steps, 'its slot is free').toEqual([]);

  await send(RESUME_UPDATE, {});
  await copying('more is flushed', (step) => flushedBy(step) > paused.bytesFlushed);
  const { control, controlChanges } = await status();
  expect(control).toMatchObject({ paused: false, limit: MIB / 4 });
  expect(controlChanges.map(({ reason }) => reason)).toEqual([
    ...['the backup runs', 'the array is serviced'],
    undefined,
  ]);
});

it('pauses a step, which then moves nothing, and unpauses it, which goes on where it was', async () => {
  await ui.openWorkflow(slow.workflowId, PENDING);
  await ui.button('Pause').click();
  await ui.dialog.getByLabel('Reason').fill('backup of the array');
  await ui.confirm();
  const paused = await copying('it is paused', (s) => !!s.paused && !s.running);
  await ui.button('Unpause').waitFor();
  await ui.picture('paused');
  const why = await house.dray('why', slow.workflowId);
  expect(why.stdout).toMatch(/copyData is paused by .+ in Temporal since .*: backup of the array/);
  expect(flushedBy(await copying('it still is', (s) => !!s.paused))).toBe(flushedBy(paused));

  await ui.button('Unpause').click();
  await ui.confirm();
  const again = await copying('more is flushed', (s) => flushedBy(s) > flushedBy(paused));
  expect(again.attempt).toBe(paused.attempt);
  expect(again.paused).toBeUndefined();
});

it('cancels a copy, which first takes back what it acquired', async () => {
  await ui.openWorkflow(slow.workflowId, 'Timeline');
  await ui.button('Request Cancellation').click();
  await ui.confirm();
  await expect(slow.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  await ui.openWorkflow(slow.workflowId, 'User Metadata');
  await ui.readDetails(/Cancelled; what was acquired has been released\./);
  await ui.picture('cancelled');
  const leaks = await house.dray('leaks', '--host', 'mover');
  expect(leaks.status, leaks.stdout).toBe(0);
  expect(await house.dray('volume', 'delete', `disks:${SLOW}-new`)).toMatchObject({ status: 0 });
});
