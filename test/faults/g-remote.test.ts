import { fault } from './row.ts';
import { CONTROL_STEPS } from './steps.ts';

const part = 'G Backend and mover as two processes';
const setup = 'storage worker with the backend, mover without; own state directories';
const remote = { remote: true };

/** The verbs that run where the volumes are attached. */
const ON_MOVER =
  /connectVolume|disconnectVolume|proveDevice|getConnectorProperties|planCopy|fenceCopier/;

fault(
  { part, done: 'nothing', step: '–', setup, expected: 'completed' },
  async (rig) => {
    return (await rig.startCopy()).ending();
  },
  remote,
);

for (const step of CONTROL_STEPS) {
  const mover = ON_MOVER.test(step);
  fault(
    {
      part,
      done: `${mover ? 'mover' : 'storage worker'}: SIGKILL, started again`,
      step: `${step}, after it acted, its answer lost`,
      setup,
      expected: 'completed',
    },
    async (rig) => {
      await rig.gates.close(step, 'after');
      const copy = await rig.startCopy();
      await rig.gates.reached(step, 'after');
      const victim = mover ? rig.worker : rig.storageWorker!;
      await victim.kill();
      await rig.gates.open(step, 'after');
      await victim.start();
      return copy.ending();
    },
    remote,
  );
}

for (const who of ['mover', 'storage worker'] as const) {
  fault(
    {
      part,
      done: `${who}: SIGKILL, started again`,
      step: 'copyData, past 40 %, while dd lives',
      setup,
      expected: 'completed',
      ...(who === 'mover' ? { resumed: true } : {}),
    },
    async (rig) => {
      const copy = await rig.startCopy({ bytesPerSecond: 12 * 2 ** 20 });
      const victim = who === 'mover' ? rig.worker : rig.storageWorker!;
      await copy.whileCopying(0.4, () => void process.kill(victim.pid, 'SIGKILL'));
      await victim.ended();
      await victim.start();
      return copy.ending();
    },
    remote,
  );
}
