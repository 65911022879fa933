import { fault } from './row.ts';

const part = 'A2 Copier killed';
const setup = 'one worker, own tgtd';
/** Slow enough for its middle to be hit. */
const PACED = { bytesPerSecond: 12 * 2 ** 20 };

for (const share of [0.2, 0.5, 0.8]) {
  fault(
    {
      part,
      done: 'dd: SIGKILL',
      step: `copyData, past ${share * 100} %`,
      setup,
      expected: 'completed',
      resumed: true,
    },
    async (rig) => {
      const copy = await rig.startCopy(PACED);
      await copy.whileCopying(share, (pid) => void process.kill(pid, 'SIGKILL'));
      return copy.ending();
    },
  );
}

fault(
  {
    part,
    done: 'worker: SIGKILL while dd lives, started again',
    step: 'copyData, past 40 %',
    setup,
    expected: 'completed',
    resumed: true,
  },
  async (rig) => {
    const copy = await rig.startCopy(PACED);
    await copy.whileCopying(0.4, () => void process.kill(rig.worker.pid, 'SIGKILL'));
    await rig.worker.ended();
    await rig.worker.start();
    return copy.ending();
  },
);
