import { setTimeout as sleep } from 'node:timers/promises';
import { fault } from './row.ts';

const PACED = { bytesPerSecond: 12 * 2 ** 20 };

for (const seconds of [5, 60]) {
  fault(
    {
      part: 'C Target away',
      done: `tgtd: killed, back after ${seconds} s, empty`,
      step: 'copyData, past 30 %',
      setup: 'one worker, foreign tgtd, patience 120 s',
      expected: 'completed',
    },
    async (rig) => {
      const copy = await rig.startCopy(PACED);
      await copy.flushedAtLeast(0.3);
      await rig.tgtd!.kill();
      await sleep(seconds * 1000);
      await rig.tgtd!.restart();
      return copy.ending();
    },
    { tgtd: 'foreign', limits: { patienceSeconds: 120 } },
  );
}

fault(
  {
    part: 'C Target away',
    done: 'tgtd: SIGSTOP for 5 s, SIGCONT',
    step: 'copyData, past 30 %',
    setup: 'one worker, own tgtd',
    expected: 'completed',
  },
  async (rig) => {
    const copy = await rig.startCopy(PACED);
    await copy.flushedAtLeast(0.3);
    const tgtd = await rig.managedTgtd();
    process.kill(tgtd, 'SIGSTOP');
    await sleep(5000);
    process.kill(tgtd, 'SIGCONT');
    return copy.ending();
  },
);
