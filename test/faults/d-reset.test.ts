import { reset } from './acts.ts';
import { fault } from './row.ts';

const part = 'D Workflow reset';
const setup = 'one worker, own tgtd';

const rows = [
  { when: 'source.connectVolume', to: 'createExport', where: 'attach' },
  { when: 'planCopy', to: 'connectVolume', where: 'attach' },
  { when: 'verifyCopy', to: 'copyData', where: 'the copy' },
  { when: 'source.removeExport', to: 'disconnectVolume', where: 'the undo' },
  { when: 'source.terminateConnection', to: 'connectVolume', where: 'attach' },
  { when: 'source.removeExport', to: 'terminateConnection', where: 'the undo' },
  { when: 'source.setVolumeState', to: 'removeExport', where: 'the undo' },
];

for (const { when, to, where } of rows) {
  for (const moment of ['before', 'after'] as const) {
    fault(
      {
        part,
        done: `reset to a point in ${where} (${to})`,
        step: `${when}, ${moment} it acts`,
        setup,
        expected: 'completed',
      },
      async (rig) => {
        await rig.gates.close(when, moment);
        const copy = await rig.startCopy();
        await rig.gates.reached(when, moment);
        const again = await reset(copy, to);
        await rig.gates.open(when, moment);
        return again.ending();
      },
    );
  }
}

fault(
  {
    part,
    done: 'reset to a point in attach (connectVolume)',
    step: 'copyData, past 40 %',
    setup,
    expected: 'completed',
  },
  async (rig) => {
    const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
    await copy.flushedAtLeast(0.4);
    return (await reset(copy, 'connectVolume')).ending();
  },
);

for (const [when, to] of [
  ['copyData, past 40 %', 'createExport'],
  ['copyData, past 40 %', 'connectVolume'],
] as const) {
  fault(
    {
      part,
      done: `reset to a point in attach (${to}), cancelled there`,
      step: when,
      setup,
      expected: 'cancelled',
    },
    async (rig) => {
      const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
      await copy.flushedAtLeast(0.4);
      const step = `destination.${to}`;
      await rig.gates.close(step, 'before');
      const again = await reset(copy, to);
      await rig.gates.reached(step, 'before');
      await again.handle.cancel();
      await rig.gates.open(step, 'before');
      return again.ending();
    },
  );
}
