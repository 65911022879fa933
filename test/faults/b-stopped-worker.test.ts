import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { HOST, type Drayage } from '../rig/drayage.ts';
import { markedProcesses } from '../rig/marked.ts';
import type { WorkerProcess } from '../rig/worker-process.ts';
import { fault } from './row.ts';

const part = 'B Worker stopped, replaced, continued';
const setup = 'two workers of one host id and state directory';

/** A second worker has taken over from one that is stopped in the middle of the copy. */
async function replaced(rig: Drayage) {
  const copy = await rig.startCopy({ bytesPerSecond: 6 * 2 ** 20 });
  const old = rig.worker;
  await copy.whileCopying(0.2, () => old.signal('SIGSTOP'));
  rig.worker = await rig.makeWorker('', HOST, true);
  await rig.worker.start();
  const flushed = await copy.bytesFlushed();
  return { copy, old, flushed };
}

/** It ends by itself and none of its children is left. */
async function endsAlone(old: WorkerProcess): Promise<void> {
  const { pid } = old;
  old.signal('SIGCONT');
  await old.ended(30);
  expect(old.exitCode).toBe(9);
  const mark = old.settings.mark;
  const ofOld: number[] = [];
  for (const found of await markedProcesses(mark)) {
    const status = await readFile(`/proc/${found.pid}/stat`, 'latin1').catch(() => '');
    if (status.split(') ').at(-1)?.split(' ')[1] === String(pid)) ofOld.push(found.pid);
  }
  expect(ofOld).toEqual([]);
}

fault(
  {
    part,
    done: 'worker: SIGSTOP, a second one takes over, SIGCONT while that one copies',
    step: 'copyData, past 20 %',
    setup,
    expected: 'completed',
    resumed: true,
  },
  async (rig) => {
    const { copy, old, flushed } = await replaced(rig);
    // The attempt of the stopped worker was given away once another one has flushed more.
    await copy.flushedAtLeast((flushed + 1) / (32 * 2 ** 20));
    await endsAlone(old);
    return copy.ending();
  },
);

fault(
  {
    part,
    done: 'worker: SIGSTOP, a second one takes over and ends the copy, SIGCONT then',
    step: 'copyData, past 20 %',
    setup,
    expected: 'completed',
    resumed: true,
  },
  async (rig) => {
    const { copy, old } = await replaced(rig);
    const ending = await copy.ending();
    const file = rig.volumeFile('destination');
    const before = [(await stat(file)).mtimeMs, await readFile(file)];
    await endsAlone(old);
    await sleep(2000);
    expect((await stat(file)).mtimeMs, 'mtime of the destination').toBe(before[0]);
    expect((await readFile(file)).equals(before[1] as Buffer), 'bytes of it').toBe(true);
    return ending;
  },
);
