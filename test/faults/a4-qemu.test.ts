import { markedProcesses } from '../rig/marked.ts';
import type { Drayage } from '../rig/drayage.ts';
import { fault } from './row.ts';
import { CONNECTED_STEPS } from './steps.ts';

const part = 'A4 qemu-storage-daemon killed';
const setup = 'one worker, own tgtd';

/** SIGKILL for the daemons of the rig, for those of one volume or for all. @throws Error if none */
async function killDaemons(rig: Drayage, access?: 'ro' | 'rw'): Promise<void> {
  const writable = { ro: '"writable":false', rw: '"writable":true' };
  const daemons = (await markedProcesses(rig.directory))
    .filter(({ command }) => command.startsWith('qemu-storage-daemon '))
    .filter(({ command }) => access === undefined || command.includes(writable[access]));
  if (daemons.length === 0) throw new Error('no daemon to kill');
  for (const { pid } of daemons) process.kill(pid, 'SIGKILL');
}

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
