import { killDaemons } from './acts.ts';
import { fault } from './row.ts';
import { CONNECTED_STEPS } from './steps.ts';

const part = 'A4 qemu-storage-daemon killed';
const setup = 'one worker, own tgtd';

for (const step of CONNECTED_STEPS) {
  fault(
    {
      part,
      done: 'qemu-storage-daemon of each connected volume: SIGKILL',
      step: `${step}, before it acts`,
      setup,
      expected: 'completed',
    },
    async (rig) => {
      await rig.gates.close(step, 'before');
      const copy = await rig.startCopy();
      await rig.gates.reached(step, 'before');
      await killDaemons(rig);
      await rig.gates.open(step, 'before');
      return copy.ending();
    },
  );
}

for (const [access, whose] of [
  ['ro', "the source's"],
  ['rw', "the destination's"],
  [undefined, 'both'],
] as const) {
  fault(
    {
      part,
      done: `qemu-storage-daemon, ${whose}: SIGKILL`,
      step: 'copyData, past 40 %',
      setup,
      expected: 'completed',
      resumed: true,
    },
    async (rig) => {
      const copy = await rig.startCopy({ bytesPerSecond: 12 * 2 ** 20 });
      await copy.flushedAtLeast(0.4);
      await killDaemons(rig, access);
      return copy.ending();
    },
  );
}
