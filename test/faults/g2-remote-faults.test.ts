import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import type { CopyRun } from '../rig/copy-run.ts';
import { HOST, type Drayage } from '../rig/drayage.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';
import type { Ending } from '../rig/workflow-run.ts';
import { killDaemons, released, reset } from './acts.ts';
import { fault } from './row.ts';

const part = 'G Backend and mover as two processes';
const setup = 'storage worker with the backend, mover without; own state directories';

type Disturbance = {
  done: string;
  expected?: string;
  resumed?: true;
  act: (rig: Drayage, copy: CopyRun) => Promise<Ending>;
};

const disturbances: Disturbance[] = [
  {
    done: 'dd: SIGKILL',
    resumed: true,
    act: async (_rig, copy) => {
      await copy.whileCopying(0.4, (pid) => void process.kill(pid, 'SIGKILL'));
      return copy.ending();
    },
  },
  {
    done: 'tgtd: SIGKILL, started again by the storage worker',
    act: async (rig, copy) => {
      process.kill(await rig.managedTgtd(), 'SIGKILL');
      return copy.ending();
    },
  },
  {
    done: 'tgtd: SIGSTOP for 5 s, SIGCONT',
    act: async (rig, copy) => {
      const tgtd = await rig.managedTgtd();
      process.kill(tgtd, 'SIGSTOP');
      await sleep(5000);
      process.kill(tgtd, 'SIGCONT');
      return copy.ending();
    },
  },
  {
    done: 'qemu-storage-daemon, both: SIGKILL',
    resumed: true,
    act: async (rig, copy) => {
      await killDaemons(rig);
      return copy.ending();
    },
  },
  {
    done: 'mover: SIGSTOP, a second one takes over and ends the copy, SIGCONT then',
    resumed: true,
    act: async (rig, copy) => {
      const old = rig.worker;
      await copy.whileCopying(0.2, () => old.signal('SIGSTOP'));
      rig.worker = await rig.makeWorker('', HOST, false);
      await rig.worker.start();
      const ending = await copy.ending();
      old.signal('SIGCONT');
      await old.ended(30);
      return ending;
    },
  },
  {
    done: 'reset to a point in attach (connectVolume)',
    act: async (_rig, copy) => (await reset(copy, 'connectVolume')).ending(),
  },
  {
    done: 'cancelled',
    expected: 'cancelled',
    act: async (_rig, copy) => {
      await copy.handle.cancel();
      return copy.ending();
    },
  },
  {
    done: 'terminated',
    expected: 'terminated, released within a minute',
    act: async (_rig, copy) => {
      await copy.handle.terminate('the test says so');
      return released(copy);
    },
  },
];

for (const { done, expected = 'completed', resumed, act } of disturbances) {
  fault(
    {
      ...{ part, done, step: 'copyData, past 30 %', setup, expected },
      ...(resumed === undefined ? {} : { resumed }),
    },
    async (rig) => {
      const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
      await copy.flushedAtLeast(0.3);
      return act(rig, copy);
    },
    { remote: true },
  );
}

/** Of one row alone: its death must not reach others. */
let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await startTemporal();
});
afterAll(() => temporal.stop());

fault(
  {
    part,
    done: 'Temporal server: SIGKILL, started again',
    step: 'copyData, past 30 %',
    setup: `${setup}, own server`,
    expected: 'completed',
  },
  async (rig) => {
    const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
    await copy.flushedAtLeast(0.3);
    await temporal.restart();
    return copy.ending();
  },
  () => Promise.resolve({ remote: true, address: temporal.address }),
);
