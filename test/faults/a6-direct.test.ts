import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { HOST, MIB } from '../rig/drayage.ts';
import { flip } from '../rig/flip.ts';
import { killDaemons } from './acts.ts';
import { fault } from './row.ts';

const part = 'A6 Engine direct';
const setup = 'one worker, own tgtd';
const expected = 'completed';
/** Slow enough for its middle to be hit. */
const PACED = { engine: 'direct', bytesPerSecond: 12 * 2 ** 20 } as const;

for (const share of [0.2, 0.5, 0.8]) {
  const step = `copyData, past ${share * 100} %`;
  fault({ part, done: 'copier: SIGKILL', step, setup, expected, resumed: true }, async (rig) => {
    const copy = await rig.startCopy(PACED);
    await copy.whileCopying(share, (pid) => void process.kill(pid, 'SIGKILL'));
    return copy.ending();
  });
}

fault(
  {
    part,
    done: 'a byte of the destination is changed behind it',
    step: 'verifyCopy, before it acts',
    setup,
    expected,
  },
  async (rig) => {
    await rig.gates.close('verifyCopy', 'before');
    const copy = await rig.startCopy({ engine: 'direct', verify: 'written' });
    await rig.gates.reached('verifyCopy', 'before');
    await flip(rig.volumeFile('destination'), 9 * MIB + 123);
    await rig.gates.open('verifyCopy', 'before');
    const ending = await copy.ending();
    const { copied, plan } = ending.report!;
    expect(copied.bytesRepaired).toBe(plan.chunkBytes);
    return ending;
  },
);

const step = 'copyData, past 30 %';

fault(
  { part, done: 'worker: SIGKILL, started again', step, setup, expected, resumed: true },
  async (rig) => {
    const copy = await rig.startCopy(PACED);
    await copy.whileCopying(0.3, () => void process.kill(rig.worker.pid, 'SIGKILL'));
    await rig.worker.ended();
    await rig.worker.start();
    return copy.ending();
  },
);

fault(
  {
    part,
    done: 'worker: SIGSTOP, a second one takes over, SIGCONT at the end',
    step,
    setup: 'two workers of one host id and state directory',
    expected,
    resumed: true,
  },
  async (rig) => {
    const copy = await rig.startCopy(PACED);
    const old = rig.worker;
    await copy.whileCopying(0.3, () => old.signal('SIGSTOP'));
    rig.worker = await rig.makeWorker('', HOST, true);
    await rig.worker.start();
    const ending = await copy.ending();
    old.signal('SIGCONT');
    await old.ended(30);
    return ending;
  },
);

fault(
  { part, done: 'tgtd: SIGKILL, started again by the worker', step, setup, expected },
  async (rig) => {
    const copy = await rig.startCopy(PACED);
    await copy.flushedAtLeast(0.3);
    process.kill(await rig.managedTgtd(), 'SIGKILL');
    return copy.ending();
  },
);

fault({ part, done: 'tgtd: SIGSTOP for 5 s, SIGCONT', step, setup, expected }, async (rig) => {
  const copy = await rig.startCopy(PACED);
  await copy.flushedAtLeast(0.3);
  const tgtd = await rig.managedTgtd();
  process.kill(tgtd, 'SIGSTOP');
  await sleep(5000);
  process.kill(tgtd, 'SIGCONT');
  return copy.ending();
});

for (const [access, whose] of [
  ['ro', "the source's"],
  ['rw', "the destination's"],
  [undefined, 'both'],
] as const) {
  const done = `qemu-storage-daemon, ${whose}: SIGKILL`;
  fault({ part, done, step, setup, expected, resumed: true }, async (rig) => {
    const copy = await rig.startCopy(PACED);
    await copy.flushedAtLeast(0.3);
    await killDaemons(rig, access);
    return copy.ending();
  });
}

fault({ part, done: 'cancelled', step, setup, expected: 'cancelled' }, async (rig) => {
  const copy = await rig.startCopy(PACED);
  await copy.flushedAtLeast(0.3);
  await copy.handle.cancel();
  return copy.ending();
});
