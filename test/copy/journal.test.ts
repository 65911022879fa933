import { afterEach, beforeEach, expect, it } from 'vitest';
import { Journal } from '../../copy/journal.ts';
import { takeLease } from '../../copy/lease.ts';
import { MIB, Rig, VOLUMES } from './rig.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

async function attempt(token: string): Promise<Journal> {
  const ends = { source: await rig.file('a', 8 * MIB), destination: await rig.file('b', 8 * MIB) };
  const lease = await takeLease(rig.state, VOLUMES.destination, 'copy-1', token);
  const input = { ...rig.run(await rig.plan(ends), ends), work: 'copy' as const };
  return Journal.open(lease, 'file:to', input, () => undefined);
}

it('a range that goes on after a pause that was taken back is in doubt as a whole', async () => {
  const first = await attempt('first');
  await first.begin(2 * MIB);
  await first.stopped(0);
  await first.resize(2 * MIB);
  await first.close();
  const second = await attempt('second');
  await second.begin(2 * MIB);
  expect(second.checkpoint.bytesCopiedAgain).toBe(2 * MIB);
  await second.close();
});

it('a range that ended where it was stopped is in doubt as far as it came', async () => {
  const first = await attempt('first');
  await first.begin(2 * MIB);
  await first.stopped(MIB);
  await first.close();
  const second = await attempt('second');
  await second.begin(2 * MIB);
  expect(second.checkpoint.bytesCopiedAgain).toBe(MIB);
  await second.close();
});

it('a comparison that finds the same difference again comes no further', async () => {
  const journal = await attempt('first');
  const { idleAttempts } = journal.checkpoint;
  const chunk = { offset: 0, length: MIB };
  await journal.compared([], [chunk], []);
  expect(journal.checkpoint.idleAttempts).toBe(0);
  await journal.close();
  const again = await attempt('second');
  await again.compared([], [chunk], []);
  expect(again.checkpoint.idleAttempts).toBe(idleAttempts);
  await again.close();
});
