import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PAUSE_UPDATE, type PausedStatus, RESUME_UPDATE } from '../../contract/control.ts';
import type { EngineName } from '../../contract/copy.ts';
import { currentKey, formatKey, importKey } from '../../system/config/keys.ts';
import type { CopyRun } from '../rig/copy-run.ts';
import { type Drayage, MIB } from '../rig/drayage.ts';
import { until } from '../rig/poll.ts';
import type { WorkerProcess } from '../rig/worker-process.ts';
import type { Ending } from '../rig/workflow-run.ts';
import { released } from './acts.ts';
import { fault } from './row.ts';

const OTHER = 'mover2';
const part = 'G Backend and mover as two processes';
const setup = 'storage worker with the backend, two movers; own state directories';

/** A second mover with the same sealing key. */
async function startOther(rig: Drayage): Promise<WorkerProcess> {
  const key = await currentKey(join(rig.state, 'keys'));
  await importKey(join(rig.directory, 'state-2', 'keys'), formatKey(key));
  const other = await rig.makeWorker('-2', OTHER, false);
  await other.start();
  return other;
}

const whenReleased = (copy: CopyRun): Promise<PausedStatus> =>
  until('both volumes are detached', async () => {
    const { paused } = await copy.status();
    return paused?.released === true ? paused : undefined;
  });

/** Goes on on the other mover; looks where it begins, what is copied again and what is left there. */
async function resumeOnOther(
  rig: Drayage,
  copy: CopyRun,
  most: 'nothing' | 'a range' = 'nothing',
): Promise<Ending> {
  const other = await startOther(rig);
  const { bytesFlushed } = await whenReleased(copy);
  expect(bytesFlushed).toBeGreaterThan(0);
  expect(await readdir(join(rig.state, 'copiers'))).toEqual([]);
  expect(await readdir(join(rig.state, 'claims'))).toEqual([]);
  await copy.handle.executeUpdate(RESUME_UPDATE, { args: [{ host: OTHER }] });
  const ending = await copy.ending();
  const { host, copied, plan } = ending.report!;
  expect(host).toBe(OTHER);
  const mostCopiedAgain = most === 'nothing' ? 0 : plan.rangeBytes;
  expect(copied.bytesCopiedAgain).toBeLessThanOrEqual(mostCopiedAgain);
  for (const directory of ['copiers', 'claims', 'attachments']) {
    expect(await readdir(join(rig.directory, 'state-2', directory))).toEqual([]);
  }
  const log = await readFile(join(rig.directory, 'worker-2.log'), 'utf8');
  expect(log).toContain(`goes on from the last heartbeat, ${bytesFlushed} bytes flushed`);
  await other.stop();
  return ending;
}

const disturbances: {
  done: string;
  engine: EngineName;
  expected?: string;
  act: (rig: Drayage, copy: CopyRun) => Promise<Ending>;
}[] = [
  {
    done: 'paused with --release, resumed on another host',
    engine: 'direct',
    act: async (rig, copy) => {
      await copy.handle.executeUpdate(PAUSE_UPDATE, { args: [{ release: true }] });
      return resumeOnOther(rig, copy);
    },
  },
  ...(
    [
      ['dd', ''],
      ['direct', ', by lanes'],
    ] as const
  ).map(([engine, by]) => ({
    done: `paused with --release and the mover: SIGKILL at once, started again; resumed elsewhere${by}`,
    engine,
    act: async (rig: Drayage, copy: CopyRun): Promise<Ending> => {
      const paused = copy.handle.executeUpdate(PAUSE_UPDATE, { args: [{ release: true }] });
      await until('the pause is known', async () => (await copy.status()).control.paused);
      await rig.worker.kill();
      await rig.worker.start();
      await paused;
      return resumeOnOther(rig, copy, 'a range');
    },
  })),
  {
    done: 'paused with --release, cancelled then',
    engine: 'direct',
    expected: 'cancelled',
    act: async (_rig, copy) => {
      await copy.handle.executeUpdate(PAUSE_UPDATE, { args: [{ release: true }] });
      await whenReleased(copy);
      await copy.handle.cancel();
      return copy.ending();
    },
  },
  {
    done: 'paused with --release, terminated then',
    engine: 'direct',
    expected: 'terminated, released within a minute',
    act: async (_rig, copy) => {
      await copy.handle.executeUpdate(PAUSE_UPDATE, { args: [{ release: true }] });
      await whenReleased(copy);
      await copy.handle.terminate('the test says so');
      return released(copy);
    },
  },
];

for (const { done, engine, expected = 'completed', act } of disturbances) {
  fault(
    { part, done, step: 'copyData, past 30 %', setup, expected },
    async (rig) => {
      const copy = await rig.startCopy({ engine, bytesPerSecond: 8 * MIB });
      await copy.flushedAtLeast(0.3);
      return act(rig, copy);
    },
    { remote: true },
  );
}
