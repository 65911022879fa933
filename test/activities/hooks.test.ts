import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, expect, it } from 'vitest';
import { createHookActivities } from '../../activities/hooks.ts';
import type { HookMessage } from '../../contract/hooks.ts';
import type { Hook } from '../../system/config/hooks.ts';
import { freePort } from '../rig/ports.ts';
import { Receiver } from '../rig/receiver.ts';

const MESSAGE: HookMessage = {
  type: 'run.stalled',
  timestamp: '2026-11-23T17:23:18.120Z',
  data: {
    ...{ workflowId: 'copy/a:v1', runId: 'r', title: 'a:v1 → b:v2', host: 'h1' },
    ...{ message: 'no byte since then', held: [], next: ['dray why copy/a:v1'] },
  },
};

let receiver: Receiver | undefined;
afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});

function call(url: string, hook = 'pager'): Promise<void> {
  const pager: Hook = { name: 'pager', url, events: ['run.stalled'], secret: Buffer.alloc(32) };
  const activities = createHookActivities([pager]);
  const environment = new MockActivityEnvironment();
  return environment.run(() => activities.callHook({ hook, id: 'msg_1', message: MESSAGE }));
}

it('asks only those that want to hear of an event', async () => {
  const hook = { url: 'http://h/', secret: Buffer.alloc(32) };
  const activities = createHookActivities([
    { ...hook, name: 'pager', events: ['run.parked', 'run.stalled'] },
    { ...hook, name: 'log', events: ['run.ended', 'run.stalled'] },
  ]);
  expect(await activities.hooksFor('run.parked')).toEqual(['pager']);
  expect(await activities.hooksFor('run.stalled')).toEqual(['pager', 'log']);
});

it('posts the message as JSON, with the headers of Standard Webhooks', async () => {
  receiver = await Receiver.open(() => 204);
  await call(receiver.url);
  const [{ headers, body }] = receiver.calls as [(typeof receiver.calls)[0]];
  expect(JSON.parse(body)).toEqual(MESSAGE);
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': 'msg_1' });
  expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(5);
  expect(headers['webhook-signature']).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/);
});

it.each([500, 404, 302])(
  'takes an answer of %i for a failure that is tried again',
  async (status) => {
    receiver = await Receiver.open(() => status);
    const message = `hook pager did not take a message: it answered ${status}`;
    await expect(call(receiver.url)).rejects.toMatchObject({ code: 'HookFailed', message });
    expect(receiver.calls).toHaveLength(1);
  },
);

it('says why a receiver cannot be reached, without its URL', async () => {
  const url = `http://127.0.0.1:${await freePort()}/hook?token=unspoken`;
  const error = await call(url).catch((e: unknown) => e as Error);
  expect(error).toMatchObject({ code: 'HookFailed', class: 'retry' });
  expect((error as Error).message).toMatch(/ECONNREFUSED/);
  expect((error as Error).message).not.toContain('unspoken');
});

it('leaves a hook that it does not have to another worker', async () => {
  const unknown = { code: 'HookUnknown', class: 'retry' };
  await expect(call('http://127.0.0.1:9/', 'other')).rejects.toMatchObject(unknown);
});
