import { fault } from './row.ts';
import { CONTROL_STEPS } from './steps.ts';

const part = 'A3 tgtd killed';

for (const step of CONTROL_STEPS) {
  fault(
    {
      part,
      done: 'tgtd: SIGKILL, started again by the worker',
      step: `${step}, before it acts`,
      setup: 'one worker, own tgtd',
      expected: 'completed',
    },
    async (rig) => {
      await rig.gates.close(step, 'before');
      const copy = await rig.startCopy();
      await rig.gates.reached(step, 'before');
      process.kill(await rig.managedTgtd(), 'SIGKILL');
      await rig.gates.open(step, 'before');
      return copy.ending();
    },
  );
}

for (const step of CONTROL_STEPS) {
  fault(
    {
      part,
      done: 'tgtd: SIGKILL, started again empty',
      step: `${step}, after it acted, its answer not sent`,
      setup: 'one worker, foreign tgtd',
      expected: 'completed',
    },
    async (rig) => {
      await rig.gates.close(step, 'after');
      const copy = await rig.startCopy();
      await rig.gates.reached(step, 'after');
      await rig.tgtd!.restart();
      await rig.gates.open(step, 'after');
      return copy.ending();
    },
    { tgtd: 'foreign' },
  );
}
