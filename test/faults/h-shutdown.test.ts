import { expect } from 'vitest';
import { HOST } from '../rig/drayage.ts';
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
