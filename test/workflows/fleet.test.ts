import { DefaultLogger, Runtime } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeFailure } from '../../client/failure.ts';
import { FleetRig, type FleetUnderTest, named, plain, volumes } from './fleet/rig.ts';

let rig: FleetRig;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  rig = await FleetRig.start();
});
afterAll(() => rig.stop());

const idsOf = (workflowIds: readonly string[]): string[] =>
  workflowIds.map((id) => id.replace('copy/a:', '')).sort();

const running = async (fleet: FleetUnderTest): Promise<string[]> =>
  idsOf((await fleet.status()).running);

async function goOnAll(ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => rig.goOn(id)));
}

const refusal = async (told: Promise<unknown>) =>
  describeFailure(
    await told.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );

describe('a fleet', () => {
  it('copies all volumes of its plan, each once', async () => {
    const ids = plain(20);
    const fleet = await rig.fleet(volumes(ids));
    const result = await fleet.result();
    expect(result).toMatchObject({ phase: 'done', volumes: 20, bytesDone: 20 * 2 ** 20 });
    expect(result.counts).toMatchObject({ done: 20, waiting: 0, failed: 0 });
    for (const id of ids) expect(await rig.runsOf(id)).toBe(1);
  });

  it('goes wave after wave, the canary first, and by priority within one', async () => {
    const [canary = '', first = '', second = '', late = ''] = named('slow', 4);
    const fleet = await rig.fleet(
      [
        ...volumes([late], { wave: 2, priority: 1 }),
        ...volumes([first], { priority: 5 }),
        ...volumes([second], { priority: 2 }),
        ...volumes([canary], { wave: 0 }),
      ],
      { limits: { total: 1 } },
    );
    for (const id of [canary, second, first, late]) {
      const status = await fleet.until(
        `${id} alone`,
        ({ running: at }) => at[0]?.endsWith(id) === true,
      );
      expect(status.running).toHaveLength(1);
      await rig.goOn(id);
    }
    expect((await fleet.result()).counts.done).toBe(4);
  });

  it('keeps to its limits in total, for each backend, host, pair and tenant', async () => {
    const many = named('slow', 8);
    const limits = { total: 8, perTenant: 1, perHost: 3 };
    const [t1, t2, h1, h2] = [many.slice(0, 2), many.slice(2, 4), many.slice(4, 7), many.slice(7)];
    const fleet = await rig.fleet(
      [
        ...volumes(t1, { tenant: 't1' }),
        ...volumes(t2, { tenant: 't2' }),
        ...volumes(h1),
        ...volumes(h2, { host: 'h2' }),
      ],
      { limits },
    );
    await fleet.until('4 at work', ({ counts }) => counts.running === 4);
    expect(await running(fleet)).toEqual([t1[0], t2[0], h1[0], h2[0]].sort());
    const resized = await fleet.tell('resize', { limits: { perTenant: 0, perHost: 0 } });
    expect(resized.said).toBe('has at once: total 8');
    await fleet.until('all at work', ({ counts }) => counts.running === 8);
    await goOnAll(many);
    expect((await fleet.result()).counts.done).toBe(8);
  });

  it.each(['perBackend', 'perPair'])('%s counts who shares it', async (limit) => {
    const ids = named('slow', 2);
    const [there, back] = [volumes(ids.slice(0, 1)), volumes(ids.slice(1))];
    back[0]!.destination = `c:${ids[1]}`;
    const fleet = await rig.fleet([...there, ...back], { limits: { total: 4, [limit]: 1 } });
    const atOnce = limit === 'perPair' ? 2 : 1;
    await fleet.until(`${atOnce} at work`, ({ counts }) => counts.running === atOnce);
    await rig.goOn(ids[0]!);
    await fleet.until('the other one', ({ running: at }) => at.some((id) => id.endsWith(ids[1]!)));
    await rig.goOn(ids[1]!);
    await fleet.result();
  });

  it('a parked volume gives its place to others and holds nobody up', async () => {
    const [parked = ''] = named('park', 1);
    const [later = ''] = named('v-later', 1);
    const ids = named('v', 5);
    const fleet = await rig.fleet(
      [...volumes([parked]), ...volumes(ids), ...volumes([later], { wave: 2 })],
      { limits: { total: 1 } },
    );
    const status = await fleet.until('the others are done', ({ counts }) => counts.done === 6);
    expect(status).toMatchObject({ phase: 'running', parked: [`copy/a:${parked}`] });
    await rig.goOn(parked);
    expect((await fleet.result()).counts).toMatchObject({ done: 7, parked: 0 });
  });

  it('stops after so many failures, goes on when told, and begins again what failed', async () => {
    const bad = named('bad', 3);
    const ids = named('v', 4);
    const fleet = await rig.fleet([...volumes(bad), ...volumes(ids)], {
      limits: { total: 1 },
      stop: { failures: 2 },
    });
    const stopped = await fleet.until('it stops', ({ phase }) => phase === 'stopped');
    expect(stopped.counts).toMatchObject({ failed: 2, waiting: 5 });
    expect(stopped.state.stopped?.because).toBe('2 volumes failed or are parked');
    expect(stopped.failed[0]).toEqual({
      ...{ workflowId: `copy/a:${bad[0]}`, code: 'VolumeInUse', message: 'it is in use' },
    });
    expect(await fleet.tell('retry')).toMatchObject({
      changed: true,
      said: 'begins 2 volumes again',
    });
    expect(await fleet.tell('resume')).toMatchObject({ changed: true, phase: 'running' });
    const again = await fleet.until('it stops again', ({ phase }) => phase === 'stopped');
    expect(again.counts.failed).toBe(2);
    await fleet.tell('resume');
    expect((await fleet.result()).counts).toMatchObject({ done: 4, failed: 3 });
    expect(await rig.runsOf(bad[0]!)).toBe(2);
    expect(await rig.runsOf(bad[2]!)).toBe(1);
  });

  it('stops at a rate of failures, once enough have ended', async () => {
    const planned = [
      ...volumes(named('v', 8)),
      ...volumes(named('bad', 2)),
      ...volumes(named('v', 2)),
    ];
    const fleet = await rig.fleet(planned, {
      limits: { total: 1 },
      stop: { failures: 9, percent: 20 },
    });
    const stopped = await fleet.until('it stops', ({ phase }) => phase === 'stopped');
    expect(stopped.state.stopped?.because).toBe('2 of 10 volumes failed or are parked');
    await fleet.tell('resume');
    expect((await fleet.result()).counts).toMatchObject({ done: 10, failed: 2 });
  });

  it.each(['bad', 'park'])(
    'a canary that is %s stops it before any other is touched',
    async (how) => {
      const [canary = ''] = named(how, 1);
      const fleet = await rig.fleet([...volumes([canary], { wave: 0 }), ...volumes(named('v', 3))]);
      const stopped = await fleet.until('it stops', ({ phase }) => phase === 'stopped');
      expect(stopped.counts).toMatchObject({ waiting: 3, done: 0 });
      expect(stopped.state.stopped?.because).toBe('1 of the canaries are not done');
      if (how === 'park') await rig.goOn(canary);
      await fleet.tell('resume', { reason: 'looked at it' });
      const { counts, state } = await fleet.result();
      expect(counts).toMatchObject(how === 'park' ? { done: 4 } : { done: 3, failed: 1 });
      expect(state.changes.map(({ change }) => change).slice(-1)).toEqual(['resumed']);
    },
  );

  it('two people pause and resume it: the second is told that it is so already', async () => {
    const ids = named('slow', 3);
    const fleet = await rig.fleet(volumes(ids), { limits: { total: 1 } });
    await fleet.until('one at work', ({ counts }) => counts.running === 1);
    const pauses = await Promise.all([fleet.tell('pause', { reason: 'one' }), fleet.tell('pause')]);
    expect(pauses.map(({ changed }) => changed).sort()).toEqual([false, true]);
    await rig.goOn(ids[0]!);
    const paused = await fleet.until('the one is done', ({ counts }) => counts.done === 1);
    expect(paused).toMatchObject({ phase: 'paused', counts: { running: 0, waiting: 2 } });
    const resumes = await Promise.all([fleet.tell('resume'), fleet.tell('resume')]);
    expect(resumes.map(({ changed }) => changed).sort()).toEqual([false, true]);
    for (const id of ids.slice(1)) {
      await fleet.until(id, ({ running: at }) => at.includes(`copy/a:${id}`));
      await rig.goOn(id);
    }
    expect((await fleet.result()).counts.done).toBe(3);
  });

  it.each([
    ['resize', {}, 'it needs limits'],
    ['resize', { limits: { total: 0 } }, 'total is a whole number from 1'],
    ['resize', { limits: { perHost: -1 } }, 'perHost is a whole number from 0'],
    ['resize', { limits: { perMoon: 1 } }, 'no limit called perMoon'],
    ['pause', { reason: 7 }, 'a reason is text'],
    ['cancel', { leaveRunning: 'no' }, 'leaveRunning is true or false'],
  ] as const)('refuses %s with %j', async (change, request, because) => {
    const [id = ''] = named('slow', 1);
    const fleet = await rig.fleet(volumes([id]));
    const { code, message } = await refusal(fleet.tell(change, request));
    expect(code).toBe('FleetRefused');
    expect(message).toContain(because);
    await rig.goOn(id);
    await fleet.result();
    expect((await refusal(fleet.tell('pause'))).message).toContain('has ended');
  });

  it('cancelled, it begins no more and cancels what is at work', async () => {
    const ids = named('slow', 4);
    const fleet = await rig.fleet(volumes(ids), { limits: { total: 2 } });
    await fleet.until('two at work', ({ counts }) => counts.running === 2);
    const cancels = [await fleet.tell('cancel'), await refusalOrAnswer(fleet)];
    expect(cancels[0]).toMatchObject({ changed: true });
    const { counts, state } = await fleet.result();
    expect(counts).toMatchObject({ cancelled: 4, done: 0 });
    expect(state.cancelled).toBeDefined();
  });

  it('cancelled in Temporal it does the same', async () => {
    const ids = named('slow', 3);
    const fleet = await rig.fleet(volumes(ids), { limits: { total: 2 } });
    await fleet.until('two at work', ({ counts }) => counts.running === 2);
    await fleet.handle.cancel();
    expect((await fleet.result()).counts).toMatchObject({ cancelled: 3 });
  });

  it('cancelled with leaveRunning it waits for what is at work, until told otherwise', async () => {
    const ids = named('slow', 3);
    const fleet = await rig.fleet(volumes(ids), { limits: { total: 2 } });
    await fleet.until('two at work', ({ counts }) => counts.running === 2);
    await fleet.tell('cancel', { leaveRunning: true });
    await rig.goOn(ids[0]!);
    const left = await fleet.until('one is done', ({ counts }) => counts.done === 1);
    expect(left).toMatchObject({ phase: 'cancelling', counts: { running: 1, cancelled: 1 } });
    await fleet.tell('cancel');
    expect((await fleet.result()).counts).toMatchObject({ done: 1, cancelled: 2 });
  });

  it('begins nothing outside its windows, and says when the next one begins', async () => {
    const [id = ''] = named('v', 1);
    const hour = (hours: number): string => {
      const at = new Date(Date.now() + hours * 3_600_000);
      return `${at.toISOString().slice(11, 13)}:00`;
    };
    const fleet = await rig.fleet(volumes([id]), { windows: [`${hour(2)}-${hour(3)}`] });
    const status = await fleet.until('it waits', ({ phase }) => phase === 'outside-window');
    expect(status.counts.waiting).toBe(1);
    const waits = Date.parse(status.opensAt ?? '') - Date.now();
    expect(waits).toBeGreaterThan(0.9 * 3_600_000);
    expect(waits).toBeLessThan(2.1 * 3_600_000);
    await fleet.tell('cancel');
    await fleet.result();
    expect(await rig.runsOf(id)).toBe(0);
  });

  it('hands over from run to run, without copying anything twice', async () => {
    const ids = named('v', 400);
    const fleet = await rig.fleet(volumes(ids), { limits: { total: 12 }, stop: { failures: 3 } });
    const result = await fleet.result();
    expect(result.counts.done).toBe(400);
    const { count } = await rig.client.workflow.count(
      `WorkflowType = "copyVolume" AND DrayFleet = "${fleet.name}"`,
    );
    expect(count).toBe(400);
    let runs = 0;
    for await (const run of rig.client.workflow.list({
      query: `WorkflowId = "fleet/${fleet.name}"`,
    })) {
      expect(run.historyLength).toBeLessThan(4_000);
      runs += 1;
    }
    expect(runs).toBeGreaterThan(1);
  });
});

/** A second cancel is answered, or comes after the end. */
async function refusalOrAnswer(fleet: FleetUnderTest): Promise<{ changed: boolean }> {
  return fleet.tell('cancel').catch(() => ({ changed: false }));
}
