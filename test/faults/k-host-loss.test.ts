import { execa } from 'execa';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { CopyOptions, CopyReport } from '../../contract/copy.ts';
import { DECIDE_UPDATE, type DecisionKind } from '../../contract/messages.ts';
import { searchAttributes } from '../../contract/search-attributes.ts';
import type { Claim } from '../../system/claims.ts';
import type { CopyRun } from '../rig/copy-run.ts';
import { type Drayage, HOST, MIB, STANDBY } from '../rig/drayage.ts';
import { MARK } from '../rig/marked.ts';
import { until } from '../rig/poll.ts';
import { fault } from './row.ts';

const part = 'K Host lost';
const setup = 'storage and two movers, each in a network of its own';
const network = { network: true, sourceMib: 24, limits: { scheduleToStartSeconds: 6 } };
const POLICY = { standby: [STANDBY] };
/** The row itself compares the bytes, past both hosts. */
const PACED: CopyOptions = { engine: 'direct', bytesPerSecond: 5 * MIB, verify: 'off' };
const BOTH = ['tgt:destination', 'tgt:source'];

/** The device of the destination on the mover, by its claim. */
async function destinationDevice(rig: Drayage): Promise<string> {
  const claims = join(rig.state, 'claims');
  for (const name of await readdir(claims)) {
    const claim = JSON.parse(await readFile(join(claims, name), 'utf8')) as Claim;
    if (claim.attachment.role === 'destination') return claim.device!.path;
  }
  throw new Error('the destination is not connected');
}

/**
 * Something on the cut-off mover that writes the destination, where it is copied already: a byte of
 * it that arrived would stay there. Answers how it ended.
 */
async function writeOnOldDevice(rig: Drayage): Promise<() => Promise<number | undefined>> {
  const device = await destinationDevice(rig);
  const words = ['if=/dev/urandom', `of=${device}`, 'bs=64K', 'count=16', 'conv=notrunc,fsync'];
  const writer = execa('dd', [...words, 'iflag=fullblock', 'oflag=direct'], {
    reject: false,
    env: { [MARK]: rig.directory },
  });
  return async () => (await writer).exitCode;
}

/** In mid-copy, with something that the server knows of it. */
async function cutOff(rig: Drayage, copy: CopyRun): Promise<void> {
  await copy.flushedAtLeast(0.2);
  await until('a heartbeat', async () => {
    const { raw } = await copy.handle.describe();
    const beats = raw.pendingActivities?.map(({ heartbeatDetails: beat }) => beat?.payloads?.[0]);
    return beats?.some((beat) => String(beat?.data).includes('flushed'));
  });
  await rig.network!.cut(HOST);
}

/** A query may wait for a worker that is cut off; lists and Updates do not. */
async function decide(
  copy: CopyRun,
  step: string,
  decision: DecisionKind,
  host?: string,
): Promise<void> {
  await until(`${step} parked`, async () => {
    const { typedSearchAttributes } = await copy.handle.describe();
    return typedSearchAttributes.get(searchAttributes.needsDecision);
  });
  copy.decided.push(`parked, decided ${decision}`);
  const argument = { step, decision, host, reason: 'the test says so' };
  await copy.handle.executeUpdate(DECIDE_UPDATE, { args: [argument] });
}

const gaveUp = (rig: Drayage): Promise<unknown> =>
  until('the mover has given up what it had', async () => {
    const left = ['claims', 'attachments', 'copiers'].map((name) => readdir(join(rig.state, name)));
    return (await Promise.all(left)).flat().length === 0;
  });

/** Went on where the lost mover had come to, with the access of that one taken away before. */
function expectWentOn({ host, copied, plan, lost }: CopyReport): void {
  expect(host).toBe(STANDBY);
  expect(lost).toMatchObject([{ host: HOST, next: STANDBY, cutOff: BOTH }]);
  expect(copied.attempts).toBeGreaterThan(1);
  expect(copied.bytesCopiedAgain).toBeLessThanOrEqual(plan.rangeBytes);
}

fault(
  {
    part,
    done: 'mover cut off while its copier lives, joined while the other one copies',
    step: 'copyData, past 20 %',
    setup,
    expected: 'completed',
  },
  async (rig) => {
    const copy = await rig.startCopy(PACED, POLICY);
    await cutOff(rig, copy);
    const written = await writeOnOldDevice(rig);
    const before = await copy.bytesFlushed();
    await until('the copy goes on elsewhere', async () => {
      return (await copy.bytesFlushed(rig.standbyState)) > before;
    });
    await rig.network!.join(HOST);
    const ending = await copy.ending();
    await gaveUp(rig);
    expect(await written(), 'the old device took bytes').not.toBe(0);
    expectWentOn(ending.report!);
    return ending;
  },
  network,
);

fault(
  {
    part,
    done: 'mover cut off without a policy, the copy moved by decision, the mover joined then',
    step: 'copyData, past 20 %',
    setup,
    expected: 'parked, decided move, then completed',
  },
  async (rig) => {
    const copy = await rig.startCopy({ ...PACED, engine: 'dd' });
    await cutOff(rig, copy);
    const written = await writeOnOldDevice(rig);
    await decide(copy, 'copyData', 'move', STANDBY);
    const ending = await copy.ending();
    await rig.network!.join(HOST);
    await gaveUp(rig);
    expect(await written(), 'the old device took bytes').not.toBe(0);
    expectWentOn(ending.report!);
    return ending;
  },
  network,
);

fault(
  {
    part,
    done: 'mover cut off, its worker: SIGKILL, joined and started after the copy has ended',
    step: 'copyData, past 20 %',
    setup,
    expected: 'completed',
  },
  async (rig) => {
    const copy = await rig.startCopy(PACED, POLICY);
    await cutOff(rig, copy);
    await rig.worker.kill();
    const ending = await copy.ending();
    expectWentOn(ending.report!);
    expect(await readdir(join(rig.state, 'claims'))).toHaveLength(2);
    await rig.network!.join(HOST);
    // It is ready only once nothing is left.
    await rig.worker.start();
    await gaveUp(rig);
    const log = await rig.worker.logFrom();
    expect(log.lastIndexOf('gave up')).toBeGreaterThan(0);
    expect(log.lastIndexOf('gave up')).toBeLessThan(log.lastIndexOf('"worker ready"'));
    return ending;
  },
  network,
);

for (const step of ['source.connectVolume', 'destination.disconnectVolume']) {
  const attaches = step.endsWith('connectVolume') && !step.endsWith('disconnectVolume');
  fault(
    {
      part,
      done: 'mover cut off, joined after the copy has ended',
      step: `${step}, before it acts`,
      setup,
      expected: 'completed',
    },
    async (rig) => {
      await rig.gates.close(step, 'before');
      const copy = await rig.startCopy({ verify: 'off' }, POLICY);
      await rig.gates.reached(step, 'before');
      await rig.network!.cut(HOST);
      await rig.gates.open(step, 'before');
      const ending = await copy.ending();
      await rig.network!.join(HOST);
      await gaveUp(rig);
      const { host, lost, held } = ending.report!;
      expect(host).toBe(attaches ? STANDBY : HOST);
      // Both are taken back side by side.
      expect(lost!.map((each) => each.cutOff.toSorted())).toEqual([BOTH]);
      expect(held).toEqual([]);
      return ending;
    },
    network,
  );
}

fault(
  {
    part,
    done: 'mover cut off without a policy, joined, the step decided to be tried again',
    step: 'fenceCopier, before it acts',
    setup,
    expected: /^(parked, decided retry, then )+completed$/,
  },
  async (rig) => {
    await rig.gates.close('fenceCopier', 'before');
    const copy = await rig.startCopy({ verify: 'off' });
    await rig.gates.reached('fenceCopier', 'before');
    await rig.network!.cut(HOST);
    await rig.gates.open('fenceCopier', 'before');
    await decide(copy, 'fenceCopier', 'retry');
    await rig.network!.join(HOST);
    let ending = await copy.ending();
    // Its worker may need a moment more than the step waits.
    for (let more = 0; more < 6 && ending.outcome.startsWith('parked fence'); more += 1) {
      await decide(copy, 'fenceCopier', 'retry');
      ending = await copy.ending();
    }
    expect(ending.report!.lost).toBeUndefined();
    return ending;
  },
  network,
);

fault(
  {
    part,
    done: 'mover cut off, joined again before it counts as gone',
    step: 'copyData, past 20 %',
    setup,
    expected: 'completed',
    resumed: true,
  },
  async (rig) => {
    const copy = await rig.startCopy(PACED, POLICY);
    await cutOff(rig, copy);
    await until('the silence is noticed', async () => {
      const { raw } = await copy.handle.describe();
      return raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'answer');
    });
    await rig.network!.join(HOST);
    const ending = await copy.ending();
    expect(ending.report!.host).toBe(HOST);
    expect(ending.report!.lost).toBeUndefined();
    return ending;
  },
  network,
);
