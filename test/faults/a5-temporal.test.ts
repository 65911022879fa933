import { afterAll, beforeAll } from 'vitest';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';
import { fault } from './row.ts';
import { CONTROL_STEPS } from './steps.ts';

const part = 'A5 Temporal server killed';
const done = 'Temporal server: SIGKILL, started again';
const setup = 'one worker, own tgtd, own server';

/** Of this file alone: its death must not reach other rows. */
let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await startTemporal();
});
afterAll(() => temporal.stop());
const options = () => Promise.resolve({ address: temporal.address });

for (const step of CONTROL_STEPS) {
  fault(
    { part, done, step: `${step}, before it acts`, setup, expected: 'completed' },
    async (rig) => {
      await rig.gates.close(step, 'before');
      const copy = await rig.startCopy();
      await rig.gates.reached(step, 'before');
      await temporal.kill();
      await rig.gates.open(step, 'before');
      await temporal.restart();
      return copy.ending();
    },
    options,
  );
}

fault(
  { part, done, step: 'copyData, past 40 %', setup, expected: 'completed' },
  async (rig) => {
    const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
    await copy.flushedAtLeast(0.4);
    await temporal.restart();
    return copy.ending();
  },
  options,
);
