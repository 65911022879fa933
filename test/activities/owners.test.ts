import { type Client, defaultPayloadConverter, ServiceError } from '@temporalio/client';
import { expect, it } from 'vitest';
import { createLeaksActivities } from '../../activities/leaks.ts';
import { askOwner, askRelease } from '../../activities/owners.ts';
import { DEFAULT_LIMITS } from '../../contract/limits.ts';

const owner = { workflowId: 'copy/disks:a', firstRunId: '0198f0f0-1111-7222-8333-444455556666' };

type Handle = { describe: () => Promise<unknown>; result?: () => Promise<unknown> };

/** A Temporal that keeps what it was asked for; `input` is what its workflows began with. */
function temporal(handle: Handle, input?: unknown) {
  const asked: unknown[][] = [];
  const payloads = [defaultPayloadConverter.toPayload(input)];
  const started = { workflowExecutionStartedEventAttributes: { input: { payloads } } };
  const client = {
    options: { namespace: 'default' },
    workflow: { getHandle: (...args: unknown[]) => (asked.push(args), handle) },
    workflowService: {
      getWorkflowExecutionHistory: () => Promise.resolve({ history: { events: [started] } }),
    },
  } as unknown as Client;
  return { asked, client };
}

it('a Temporal that is away is asked again, which is no mistake of ours', async () => {
  const cause = new Error('14 UNAVAILABLE');
  const away = new ServiceError('Failed to describe workflow', { cause });
  const { client } = temporal({ describe: () => Promise.reject(away) });
  const steps = createLeaksActivities({ client, limits: DEFAULT_LIMITS });
  const because = expect.stringContaining(cause.message) as string;
  const silent = { code: 'TemporalSilent', class: 'retry', message: because };
  await expect(steps.isAtWork(owner)).rejects.toMatchObject(silent);
});

it('what a release left held is asked of the run that was found, not of a later one', async () => {
  const found = { runId: 'run', status: { name: 'COMPLETED' }, closeTime: new Date() };
  const { asked, client } = temporal({
    describe: () => Promise.resolve(found),
    result: () => Promise.resolve([{ what: 'device' }]),
  });
  expect(await askRelease(client, 'x')).toBe('held');
  expect(asked.at(-1)).toEqual(['release/x', 'run', { followRuns: false }]);
});

it('of what an owner was started with only host and volumes are answered', async () => {
  const ended = { status: { name: 'FAILED' } };
  const volumes = { source: { backend: 'a', id: '1' }, destination: { backend: 'b', id: '2' } };
  const started = { host: 'mover', ...volumes, options: {}, limits: DEFAULT_LIMITS };
  const { client } = temporal({ describe: () => Promise.resolve(ended) }, started);
  const input = { host: 'mover', ...volumes };
  expect(await askOwner(client, owner)).toEqual({ state: 'ended', input });
});
