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
/** Longer than Cinder waits for an answer of one of its services (rpc_response_timeout of the rig). */
const FROZEN_SECONDS = 25;
const AWAY_SECONDS = 3;

let [started, stage] = [] as unknown as [StartedCinder, CopyStage];

beforeAll(async () => {
  started = await startCinder();
  stage = await CopyStage.set(new Cinder(started.settings), { limits: LIMITS });
}, 180_000);
afterAll(async () => {
  await stage.strike();
  await started.stop();
});
beforeEach(() => stage.plant());
afterEach(() => stage.proxy.forget());

async function restart(service: Service): Promise<void> {
  await started.services.kill(service);
  await sleep(AWAY_SECONDS * 1000);
  started.services.start(service);
}

async function freeze(service: Service): Promise<void> {
  started.services.signal(service, 'SIGSTOP');
  await sleep(FROZEN_SECONDS * 1000);
  started.services.signal(service, 'SIGCONT');
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
  it('cinder-volume is frozen in it for longer than Cinder waits', async () => {
    stage.proxy.next(method, path, MOMENTS.before(begin(() => freeze('pool2'))));
    await expectDone();
  });

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
  /** Acts once both volumes are attached and bytes flow; a later `expectDone` has it done. */
  async function expectDoneThough(act: () => Promise<unknown>): Promise<void> {
    const { cinder } = stage;
    fault = (async () => {
      await until('both are attached', async () => {
        const ids = [stage.source, stage.destination];
        const states = await Promise.all(ids.map((id) => cinder.volume(id)));
        return states.every(({ status }) => status === 'in-use');
      });
      await sleep(2000);
      await act();
    })();
    await expectDone(SLOW);
  }

  it('cinder-volume is killed and started again', () => expectDoneThough(() => restart('pool2')));

  it('RabbitMQ is killed and started again', () => expectDoneThough(() => restart('broker')));

  it('tgtd is killed, and has its targets again from cinder-volume', () =>
    expectDoneThough(async () => {
      await restart('tgtd');
      await restart('pool1');
      await restart('pool2');
    }));

  it('an administrator says that a volume is available', () =>
    expectDoneThough(() => {
      const change = { 'os-reset_status': { status: 'available', attach_status: 'detached' } };
      return stage.cinder.call('POST', `/volumes/${stage.destination}/action`, change);
    }));

  it('somebody else deletes the attachment', () =>
    expectDoneThough(async () => {
      const [row] = await stage.cinder.attachments(stage.destination);
      await stage.cinder.call('DELETE', `/attachments/${row!.id}`);
    }));
});
