import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cinder } from '../rig/cinder/cinder.ts';
import { CopyStage } from '../rig/cinder/copy-stage.ts';
import type { Fate } from '../rig/cinder/proxy.ts';
import type { Service } from '../rig/cinder/services.ts';
import { type StartedCinder, startCinder } from '../rig/cinder/start.ts';
import { until } from '../rig/poll.ts';

/** So that a row shows within a minute what would take many in operation. */
const LIMITS = {
  heartbeatSeconds: 3,
  patienceSeconds: 30,
  retryInitialSeconds: 0.5,
  retryMaximumSeconds: 2,
};
const AWAY_SECONDS = 3;

let [started, stage] = [] as unknown as [StartedCinder, CopyStage];

beforeAll(async () => {
  started = await startCinder();
  stage = await CopyStage.set(new Cinder(started.settings), { limits: LIMITS });
}, 180_000);
afterAll(async () => {
  // Also where a volume could not be deleted, so that no program stays.
  await stage.strike().finally(() => started.stop());
});
beforeEach(() => stage.plant());
afterEach(() => stage.proxy.forget());

async function restart(service: Service): Promise<void> {
  await started.services.kill(service);
  await sleep(AWAY_SECONDS * 1000);
  started.services.start(service);
}

/** What a fault did, to be waited for when the copy has ended. */
let fault: Promise<unknown> = Promise.resolve();
/** Begins a fault and does not wait for its end. */
const begin = (act: () => Promise<unknown>) => (): Promise<unknown> => {
  fault = act();
  return Promise.resolve();
};

const CALLS = {
  'POST /attachments': ['POST', /\/attachments$/],
  'PUT /attachments': ['PUT', /\/attachments\//],
  'os-complete': ['POST', /\/action$/],
  'DELETE /attachments': ['DELETE', /\/attachments\//],
} as const;
type Call = keyof typeof CALLS;

const MOMENTS = {
  before: (act: () => Promise<unknown>): Fate => ({ first: act }),
  in: (act: () => Promise<unknown>): Fate => ({ meanwhile: act }),
  after: (act: () => Promise<unknown>): Fate => ({ then: act }),
} as const;

async function expectDone(options: string[] = []): Promise<void> {
  const { status, stderr, stdout } = await stage.copy(...options);
  await fault;
  expect(status, stdout + stderr).toBe(0);
  await stage.expectEqual();
  await until('all is given back', async () => (await stage.leftovers()).length === 0);
  await stage.expectAsBefore();
}

describe.each(Object.keys(CALLS) as Call[])('%s', (call) => {
  const [method, path] = CALLS[call];
  it.each(Object.keys(MOMENTS) as (keyof typeof MOMENTS)[])(
    'cinder-volume is killed %s it and started again',
    async (moment) => {
      stage.proxy.next(method, path, MOMENTS[moment](begin(() => restart('pool2'))));
      await expectDone();
    },
  );
});

describe.each(['PUT /attachments', 'DELETE /attachments'] as const)('%s', (call) => {
  const [method, path] = CALLS[call];
  it('cinder-api is killed in it and started again', async () => {
    stage.proxy.next(method, path, MOMENTS.in(begin(() => restart('api'))));
    await expectDone();
  });

  it.each([
    [500, {}],
    [503, {}],
    [413, { 'retry-after': '2' }],
  ])('is answered with %i', async (status, headers) => {
    stage.proxy.next(method, path, { status, headers });
    await expectDone();
  });
});

/** So slow that there is time for a fault. */
const SLOW = ['--limit', '100MiB/s'];

describe('in mid-copy', () => {
  /** Acts once both volumes are attached and bytes flow. */
  function actLater(act: () => Promise<unknown>): void {
    fault = (async () => {
      await until('both are attached', async () => {
        const ids = [stage.source, stage.destination];
        const states = await Promise.all(ids.map((id) => stage.cinder.volume(id)));
        return states.every(({ status }) => status === 'in-use');
      });
      await sleep(2000);
      await act();
    })();
  }

  it.each([
    ['cinder-volume is', ['pool2']],
    ['RabbitMQ is', ['broker']],
    // tgtd has its targets again from cinder-volume.
    ['tgtd and each cinder-volume are', ['tgtd', 'pool1', 'pool2']],
  ] as const)('%s killed and started again', async (_, services) => {
    actLater(async () => {
      for (const service of services) await restart(service);
    });
    await expectDone(SLOW);
  });

  it('an administrator says that a volume is available, and Cinder forgets its target', async () => {
    const { cinder, destination } = stage;
    const change = { 'os-reset_status': { status: 'available', attach_status: 'detached' } };
    actLater(() => cinder.call('POST', `/volumes/${destination}/action`, change));
    const { status, stderr, stdout } = await stage.copy(...SLOW);
    await fault;
    expect(status, stdout + stderr).toBe(0);
    await stage.expectEqual();
    // The API does not show it, so that nobody can take it away there; the next to attach does.
    const left = await stage.leftovers();
    expect(left).toEqual([expect.stringMatching(`^Target .*volume-${destination}$`)]);
    await expectDone();
  });
});
