import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { HOST } from '../rig/drayage.ts';
import { until } from '../rig/poll.ts';
import { slowProgram } from '../rig/slow-program.ts';
import { fault } from './row.ts';

fault(
  {
    part: 'H Worker ended in order',
    done: 'worker: SIGTERM; another one started',
    step: 'copyData, past 40 %, while dd lives',
    setup: 'one worker, own tgtd',
    expected: 'completed',
    resumed: true,
  },
  async (rig) => {
    const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
    await copy.whileCopying(0.4, () => rig.worker.signal('SIGTERM'));
    await rig.worker.ended();
    expect(rig.worker.exitCode).toBe(0);
    const flushed = await copy.bytesFlushed();
    expect(flushed).toBeGreaterThan(0);
    rig.worker = await rig.makeWorker('', HOST, true);
    await rig.worker.start();
    expect(await copy.bytesFlushed(), 'goes on, not anew').toBeGreaterThanOrEqual(flushed);
    return copy.ending();
  },
);

fault(
  {
    part: 'H Worker ended in order',
    done: 'worker: SIGTERM while it waits for a program; started again',
    step: 'source.connectVolume, after it acted, its answer not sent',
    setup: 'one worker, own tgtd',
    expected: 'completed',
  },
  async (rig) => {
    const hold = join(rig.directory, 'hold.tgtadm');
    await rig.gates.close('source.connectVolume', 'after');
    const copy = await rig.startCopy();
    await rig.gates.reached('source.connectVolume', 'after');
    await writeFile(hold, '');
    await until('tgtadm', () => existsSync(`${hold}.reached`));
    rig.worker.signal('SIGTERM');
    await sleep(500);
    expect(rig.worker.isRunning, 'it ends in order').toBe(true);
    await rm(hold);
    await rig.gates.open('source.connectVolume', 'after');
    await rig.worker.ended();
    expect(rig.worker.exitCode).toBe(0);
    await rig.worker.start();
    return copy.ending();
  },
  { env: (directory) => slowProgram(directory, 'tgtadm') },
);
