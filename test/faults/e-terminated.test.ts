import type { CopyRun, Ending } from '../rig/copy-run.ts';
import { leftovers } from '../rig/leftovers.ts';
import { until } from '../rig/poll.ts';
import { fault } from './row.ts';

const part = 'E Terminated by a person';
const setup = 'one worker, own tgtd';
const expected = 'terminated, released within a minute';

/** What it held is released by a workflow of its own, without anybody's doing. */
async function released(copy: CopyRun): Promise<Ending> {
  const { outcome, message } = await copy.ending();
  await until('everything released', async () => (await leftovers(copy.rig)).length === 0, {
    seconds: 60,
    everyMs: 500,
  });
  return { outcome: `${outcome}, released within a minute`, message };
}

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
