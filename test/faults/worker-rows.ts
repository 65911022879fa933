import type { Moment } from '../rig/gates.ts';
import { fault } from './row.ts';
import { CONTROL_STEPS } from './steps.ts';

const part = 'A1 Worker killed';
const setup = 'one worker, own tgtd';
const words: Record<Moment, string> = {
  before: 'before it acts',
  after: 'after it acted, its answer lost',
};

/** A row for each step; two files, so that they run side by side. */
export function killWorkerAtEachStep(moment: Moment): void {
  for (const step of CONTROL_STEPS) {
    fault(
      {
        part,
        done: 'worker: SIGKILL, started again',
        step: `${step}, ${words[moment]}`,
        setup,
        expected: 'completed',
      },
      async (rig) => {
        await rig.gates.close(step, moment);
        const copy = await rig.startCopy();
        await rig.gates.reached(step, moment);
        await rig.worker.kill();
        await rig.gates.open(step, moment);
        await rig.worker.start();
        return copy.ending();
      },
    );
  }
}
