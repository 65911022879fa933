import { released } from './acts.ts';
import { fault } from './row.ts';

const part = 'E Terminated by a person';
const setup = 'one worker, own tgtd';
const expected = 'terminated, released within a minute';

const steps = [
  'destination.createExport',
  'destination.connectVolume',
  'source.connectVolume',
  'planCopy',
  'verifyCopy',
  'destination.disconnectVolume',
  'source.removeExport',
];
for (const step of steps) {
  fault(
    { part, done: 'terminated', step: `${step}, after it acted`, setup, expected },
    async (rig) => {
      await rig.gates.close(step, 'after');
      const copy = await rig.startCopy();
      await rig.gates.reached(step, 'after');
      await copy.handle.terminate('the test says so');
      await rig.gates.open(step, 'after');
      return released(copy);
    },
  );
}

fault(
  { part, done: 'terminated', step: 'copyData, while dd lives', setup, expected },
  async (rig) => {
    const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
    await copy.flushedAtLeast(0.4);
    await copy.handle.terminate('the test says so');
    return released(copy);
  },
);
