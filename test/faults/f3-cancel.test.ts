import { fault } from './row.ts';

const part = 'F3 Cancelled';
const setup = 'one worker, own tgtd';

const steps = [
  'source.describeVolume',
  'getConnectorProperties',
  'destination.createExport',
  'destination.initializeConnection',
  'destination.connectVolume',
  'destination.proveDevice',
  'source.createExport',
  'source.connectVolume',
  'planCopy',
  'verifyCopy',
  'fenceCopier',
  'destination.disconnectVolume',
  'source.removeExport',
];
/** The copy is done by then: cancelling it takes nothing back. */
const LATE = /fenceCopier|disconnectVolume|removeExport/;

for (const step of steps) {
  fault(
    {
      part,
      done: 'cancelled',
      step: `${step}, before it acts`,
      setup,
      expected: LATE.test(step) ? 'completed' : 'cancelled',
    },
    async (rig) => {
      await rig.gates.close(step, 'before');
      const copy = await rig.startCopy();
      await rig.gates.reached(step, 'before');
      await copy.handle.cancel();
      await rig.gates.open(step, 'before');
      return copy.ending();
    },
  );
}

fault(
  { part, done: 'cancelled', step: 'copyData, while dd lives', setup, expected: 'cancelled' },
  async (rig) => {
    const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
    await copy.flushedAtLeast(0.4);
    await copy.handle.cancel();
    return copy.ending();
  },
);
