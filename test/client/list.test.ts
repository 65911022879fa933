import { Client, Connection, type WorkflowClientInterceptor } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { renderList } from '../../client/render/list.ts';
import { listStuck, listWorkflows } from '../../client/temporal/list.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { until } from '../rig/poll.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';

const RUNS = 45;

let temporal: TestTemporal;
let connection: Connection;
beforeAll(async () => {
  temporal = await startTemporal();
  connection = await Connection.connect({ address: temporal.address });
});
afterAll(async () => {
  await connection.close();
  await temporal.stop();
});

it('open runs are asked about a few at a time, and one that fails is listed with why', async () => {
  let [now, most] = [0, 0];
  const interceptor: WorkflowClientInterceptor = {
    async describe(input, next) {
      now += 1;
      most = Math.max(most, now);
      await sleep(20);
      now -= 1;
      if (input.workflowExecution.workflowId === 'copy/7') throw new Error('it is broken');
      return next(input);
    },
    // Nobody serves these runs: to be told so takes seconds each.
    query: () => Promise.reject(new Error('no worker')),
  };
  const client = new Client({ connection, interceptors: { workflow: [interceptor] } });
  const ids = Array.from({ length: RUNS }, (_, i) => `copy/${i}`);
  const options = { taskQueue: WORKFLOW_QUEUE, args: [] };
  await Promise.all(
    ids.map((workflowId) =>
      client.workflow.start(WORKFLOWS.copyVolume, { ...options, workflowId }),
    ),
  );
  const list = await until('all are listed', async () => {
    const found = await listWorkflows(client, true);
    return found.length === RUNS && found;
  });
  expect(list.map(({ workflowId }) => workflowId).toSorted()).toEqual(ids.toSorted());
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(20);
  const broken = list.filter(({ unknown }) => unknown !== undefined);
  expect(broken).toMatchObject([{ workflowId: 'copy/7', waits: [], held: [] }]);
  expect(renderList(broken)).toContain('it is broken');
  expect((await listStuck(client)).map(({ workflowId }) => workflowId)).toContain('copy/7');
});
