import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { Leaks } from '../../contract/leaks.ts';
import { Cinder } from '../rig/cinder/cinder.ts';
import { CopyStage } from '../rig/cinder/copy-stage.ts';
import { until } from '../rig/poll.ts';

const cinder = new Cinder(inject('cinder'));
let stage: CopyStage;

beforeAll(async () => {
  stage = await CopyStage.set(cinder);
});
afterAll(() => stage.strike());

it('copies from one pool to another and leaves nothing', async () => {
  await stage.plant();
  const { status, stderr } = await stage.copy();
  expect(status, stderr).toBe(0);
  await stage.expectEqual();
  await stage.expectAsBefore();
});

it('attaches anew what somebody else has detached before it was complete', async () => {
  await stage.plant();
  const deleted: string[] = [];
  stage.proxy.next('POST', /\/action$/, {
    first: async () => {
      const [row] = await cinder.attachments(stage.destination);
      deleted.push(row!.id);
      await cinder.call('DELETE', `/attachments/${row!.id}`);
    },
  });
  const { status, stderr } = await stage.copy();
  expect(status, stderr).toBe(0);
  expect(deleted).toHaveLength(1);
  await stage.expectEqual();
  await stage.expectAsBefore();
});

it('says what it holds while it runs, and gives everything back when it is cancelled', async () => {
  const { status, stderr } = await stage.copy('--limit', '20MiB/s', '--detach');
  expect(status, stderr).toBe(0);
  await until('both are attached', async () => {
    const ids = [stage.source, stage.destination];
    const states = await Promise.all(ids.map((id) => cinder.volume(id)));
    return states.every((volume) => volume.status === 'in-use');
  });
  const leaks = await stage.dray('leaks', '--json');
  expect(leaks.status, leaks.stderr).toBe(0);
  const { acquisitions, unseen } = JSON.parse(leaks.stdout) as Leaks;
  expect(unseen).toEqual([]);
  const rows = (await cinder.attachments()).map(({ id }) => id);
  expect(rows).toHaveLength(2);
  for (const row of rows) {
    const found = acquisitions.filter(({ identity }) => identity.endsWith(row));
    expect(found, row).toMatchObject([{ state: 'live', owner: stage.copyId }]);
  }
  expect(acquisitions.filter(({ state }) => state !== 'live')).toEqual([]);
  const why = await stage.dray('why', stage.copyId);
  for (const volume of [stage.source, stage.destination]) {
    expect(why.stdout).toContain(`cinder:${volume}: reserved for this copy, exported`);
  }
  expect((await stage.dray('cancel', stage.copyId)).status).toBe(0);
  await until('all is given back', async () => (await stage.leftovers()).length === 0);
  await stage.expectAsBefore();
});
