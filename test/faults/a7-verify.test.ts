import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import type { Drayage } from '../rig/drayage.ts';
import { markedProcesses } from '../rig/marked.ts';
import { until } from '../rig/poll.ts';
import { slowProgram } from '../rig/slow-program.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';
import { startVerify } from '../rig/verify-run.ts';
import type { Ending, WorkflowRun } from '../rig/workflow-run.ts';
import { killDaemons } from './acts.ts';
import { fault } from './row.ts';

const part = 'A7 Two volumes compared, or one with a certificate';
const COMPARES = '"work":"digest"';
/** What is true of the twins, and of one and its own certificate. */
const TRUTH = { source: 'different: 1 MiB at 5', certificate: 'equal' };
type Against = keyof typeof TRUTH;

/** Of one row alone: its death must not reach others. */
let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await startTemporal();
});
afterAll(() => temporal.stop());

/** Neither volume may be written, however it ends. */
function verifyFault(
  { against, ...row }: { against: Against; done: string; step: string; expected?: string },
  act: (rig: Drayage) => Promise<Ending>,
  own: () => { address?: string } = () => ({}),
): void {
  const setup = `one worker, own tgtd; with ${against === 'source' ? 'a volume' : 'a certificate'}`;
  fault({ part, setup, expected: TRUTH[against], untouched: true, ...row }, act, () =>
    Promise.resolve({
      ...{ sourceMib: 8, twins: true, env: (at: string) => slowProgram(at, 'setpriv', COMPARES) },
      ...own(),
    }),
  );
}

/** Does it while the readers have been started and have not read yet. `after`: they go on. */
async function whileComparing(
  rig: Drayage,
  against: Against,
  act: (run: WorkflowRun) => Promise<unknown>,
  after: (run: WorkflowRun) => Promise<unknown> = () => Promise.resolve(),
): Promise<Ending> {
  const hold = join(rig.directory, 'hold.setpriv');
  await writeFile(hold, '');
  const run = await startVerify(rig, against);
  await until('the comparison', () => existsSync(`${hold}.reached`));
  await act(run);
  await rm(hold);
  await after(run);
  return run.ending();
}

async function killReaders(rig: Drayage): Promise<void> {
  const all = await markedProcesses(rig.directory);
  const readers = all.filter(({ command }) => command.includes(COMPARES));
  if (readers.length === 0) throw new Error('nobody reads');
  for (const { pid } of readers) process.kill(pid, 'SIGKILL');
}

async function signalTgtd(rig: Drayage, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  process.kill(await rig.managedTgtd(), signal);
}

const step = 'compareVolumes, while it compares';
for (const against of ['source', 'certificate'] as const) {
  verifyFault({ against, done: 'worker: SIGKILL, started again', step }, (rig) =>
    whileComparing(
      rig,
      against,
      () => rig.worker.kill(),
      () => rig.worker.start(),
    ),
  );
  verifyFault({ against, done: 'qemu-storage-daemon of each volume: SIGKILL', step }, (rig) =>
    whileComparing(rig, against, () => killDaemons(rig)),
  );
}
verifyFault({ against: 'certificate', done: 'cancelled', step, expected: 'cancelled' }, (rig) =>
  whileComparing(rig, 'certificate', (run) => run.handle.cancel()),
);

const against = 'source';
verifyFault({ against, done: 'reader: SIGKILL', step }, (rig) =>
  whileComparing(rig, against, () => killReaders(rig)),
);
verifyFault({ against, done: 'tgtd: SIGKILL, started again by the worker', step }, (rig) =>
  whileComparing(rig, against, () => signalTgtd(rig, 'SIGKILL')),
);
verifyFault({ against, done: 'tgtd: SIGSTOP for 3 s, SIGCONT', step }, (rig) =>
  whileComparing(
    rig,
    against,
    () => signalTgtd(rig, 'SIGSTOP'),
    async () => {
      await sleep(3000);
      await signalTgtd(rig, 'SIGCONT');
    },
  ),
);
verifyFault(
  { against, done: 'cancelled while tgtd stands still, SIGCONT then', step, expected: 'cancelled' },
  (rig) =>
    whileComparing(
      rig,
      against,
      () => signalTgtd(rig, 'SIGSTOP'),
      async (run) => {
        await sleep(1000);
        await run.handle.cancel();
        await sleep(1000);
        await signalTgtd(rig, 'SIGCONT');
      },
    ),
);
verifyFault(
  { against, done: 'Temporal server: SIGKILL, started again', step },
  (rig) => whileComparing(rig, against, () => temporal.restart()),
  () => ({ address: temporal.address }),
);

const attach = 'source.connectVolume';
verifyFault(
  { against, done: 'cancelled', step: `${attach}, before it acts`, expected: 'cancelled' },
  async (rig) => {
    await rig.gates.close(attach, 'before');
    const run = await startVerify(rig, against);
    await rig.gates.reached(attach, 'before');
    await run.handle.cancel();
    await rig.gates.open(attach, 'before');
    return run.ending();
  },
);
