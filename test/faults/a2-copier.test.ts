import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { markedProcesses } from '../rig/marked.ts';
import { until } from '../rig/poll.ts';
import { slowProgram } from '../rig/slow-program.ts';
import { fault } from './row.ts';

const part = 'A2 Copier killed';
const setup = 'one worker, own tgtd';
/** Slow enough for its middle to be hit. */
const PACED = { bytesPerSecond: 12 * 2 ** 20 };

for (const share of [0.2, 0.5, 0.8]) {
  fault(
    {
      part,
      done: 'dd: SIGKILL',
      step: `copyData, past ${share * 100} %`,
      setup,
      expected: 'completed',
      resumed: true,
    },
    async (rig) => {
      const copy = await rig.startCopy(PACED);
      await copy.whileCopying(share, (pid) => void process.kill(pid, 'SIGKILL'));
      return copy.ending();
    },
  );
}

fault(
  {
    part,
    done: 'worker: SIGKILL while dd lives, started again',
    step: 'copyData, past 40 %',
    setup,
    expected: 'completed',
    resumed: true,
  },
  async (rig) => {
    const copy = await rig.startCopy(PACED);
    await copy.whileCopying(0.4, () => void process.kill(rig.worker.pid, 'SIGKILL'));
    await rig.worker.ended();
    await rig.worker.start();
    return copy.ending();
  },
);

const COMPARES = '"work":"digest"';
for (const victim of ['worker', 'reader'] as const) {
  fault(
    {
      part,
      done: victim === 'reader' ? 'reader: SIGKILL' : 'worker: SIGKILL, started again',
      step: 'verifyCopy, while it compares',
      setup,
      expected: 'completed',
    },
    async (rig) => {
      const hold = join(rig.directory, 'hold.setpriv');
      await writeFile(hold, '');
      const copy = await rig.startCopy();
      await until('the comparison', () => existsSync(`${hold}.reached`));
      const readers = (await markedProcesses(rig.directory)).filter(({ command }) =>
        command.includes(COMPARES),
      );
      if (readers.length === 0) throw new Error('nobody reads');
      if (victim === 'worker') await rig.worker.kill();
      else for (const { pid } of readers) process.kill(pid, 'SIGKILL');
      await rm(hold);
      if (victim === 'worker') await rig.worker.start();
      return copy.ending();
    },
    { env: (directory) => slowProgram(directory, 'setpriv', COMPARES) },
  );
}
