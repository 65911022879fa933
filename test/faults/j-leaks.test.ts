import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Leaks } from '../../contract/leaks.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import type { Drayage } from '../rig/drayage.ts';
import { reset } from './acts.ts';
import { fault } from './row.ts';

const part = 'J Leaks released';
const setup = 'one worker, own tgtd';

/** As `dray leaks --release` has it done. */
async function release(rig: Drayage): Promise<Leaks['releases']> {
  const leaks: unknown = await rig.client.workflow.execute(WORKFLOWS.findLeaks, {
    workflowId: `leaks/${randomUUID()}`,
    taskQueue: WORKFLOW_QUEUE,
    args: [{ places: ['host/mover', 'backend/tgt'], release: 'decided' }],
  });
  return (leaks as Leaks).releases;
}

fault(
  {
    part,
    done: 'leaks --release, two at once, again and again',
    step: 'every one, while the copy lives',
    setup,
    expected: 'completed',
  },
  async (rig) => {
    const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
    const over = new AbortController();
    const releasing = (async () => {
      while (!over.signal.aborted) {
        const found = await Promise.all([release(rig), release(rig)]);
        expect(found).toEqual([[], []]);
      }
    })();
    try {
      return await copy.ending();
    } finally {
      over.abort();
      await releasing;
    }
  },
);

const moments = [
  { when: 'with the reset', afterMs: 0 },
  { when: 'a second before the reset', afterMs: 1000 },
];
for (const { when, afterMs } of moments) {
  fault(
    {
      part,
      done: `terminated, then reset (connectVolume); leaks --release, two at once, ${when}`,
      step: 'copyData, past 40 %',
      setup,
      expected: 'completed',
    },
    async (rig) => {
      const copy = await rig.startCopy({ bytesPerSecond: 8 * 2 ** 20 });
      await copy.flushedAtLeast(0.4);
      await copy.handle.terminate('the test says so');
      const releasing = [release(rig), release(rig)];
      await sleep(afterMs);
      const again = await reset(copy, 'connectVolume');
      const ending = await again.ending();
      await Promise.all(releasing);
      return ending;
    },
  );
}
