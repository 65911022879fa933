import { MockActivityEnvironment } from '@temporalio/testing';
import { truncate } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { HostContext } from '../../activities/context.ts';
import { createCopyActivities, type VerifyCopyInput } from '../../activities/copy.ts';
import type { Attachment } from '../../contract/attachment.ts';
import type { VerifyProgress } from '../../contract/copy.ts';
import { DEFAULT_LIMITS, STALL_ATTEMPTS } from '../../contract/limits.ts';
import type { Role } from '../../contract/volume.ts';
import { runCopy } from '../../copy/copier.ts';
import { LaneBudget } from '../../copy/lane-budget.ts';
import { writeClaim } from '../../system/claims.ts';
import { exec, LANES, MIB, OWNER, Rig, VOLUMES } from '../copy/rig.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

async function claimed(role: Role): Promise<Attachment> {
  const accessMode = role === 'source' ? 'ro' : 'rw';
  const reservation = role === 'source' ? 'reserved-1' : 'reserved-2';
  const exported = { name: role, serial: '', sizeBytes: 0, readsAsZeros: false, reservation };
  const attachment: Attachment = {
    ...{ id: role, volume: VOLUMES[role], role, accessMode, owner: OWNER, exported },
  };
  const info = { driverVolumeType: 'local' as const, data: {} };
  await writeClaim(rig.state.dirs.claims, { attachment, info });
  return attachment;
}

/** Of the host's own settings there are none but lanes. */
function hostOf({ state, log }: Rig): HostContext {
  return { state, log, copy: LANES, laneBudget: new LaneBudget(LANES) } as HostContext;
}

it('a heartbeat time-out that somebody took away leaves the usual rhythm', async () => {
  const ends = { source: await rig.file('a', MIB, 7), destination: await rig.file('b', MIB, 1) };
  const plan = await rig.plan(ends);
  await runCopy(rig.run(plan, ends));
  const attachments = {
    source: await claimed('source'),
    destination: await claimed('destination'),
  };
  const limits = DEFAULT_LIMITS;
  const copyId = 'copy-1';
  const { control } = rig.wishes();
  const input: VerifyCopyInput = {
    ...{ copyId, mode: 'full', plan, ends, attachments, limits, control },
  };
  const activities = createCopyActivities(hostOf(rig));
  const environment = new MockActivityEnvironment({ heartbeatTimeoutMs: 0 });
  let beats = 0;
  environment.on('heartbeat', () => (beats += 1));
  await environment.run((given: VerifyCopyInput) => activities.verifyCopy(given), input);
  expect(beats).toBeLessThan(20);
});

it('verifyCopy parks at a place that cannot be read, however far each attempt had come', async () => {
  const file = await rig.file('b', 4 * MIB, 7);
  const ends = { source: await rig.file('a', 4 * MIB, 7), destination: await rig.loop(file) };
  const plan = await rig.plan(ends);
  const copyId = 'copy-1';
  await runCopy(rig.run(plan, ends));
  await truncate(file.path, 2 * MIB);
  await exec('blockdev', ['--flushbufs', ends.destination.path]);
  const attachments = {
    source: await claimed('source'),
    destination: await claimed('destination'),
  };
  const limits = { ...DEFAULT_LIMITS, patienceSeconds: 0 };
  const { control } = rig.wishes();
  const input: VerifyCopyInput = {
    ...{ copyId, mode: 'full', plan, ends, attachments, limits, control },
  };
  const activities = createCopyActivities(hostOf(rig));

  let heartbeatDetails: unknown;
  const codes: unknown[] = [];
  for (let attempt = 1; attempt <= STALL_ATTEMPTS + 1; attempt += 1) {
    const environment = new MockActivityEnvironment({ attempt, heartbeatDetails });
    environment.on('heartbeat', (details: unknown) => (heartbeatDetails = details));
    const run = environment.run((given: VerifyCopyInput) => activities.verifyCopy(given), input);
    codes.push(await run.catch((error: unknown) => (error as { code: string }).code));
  }
  expect((heartbeatDetails as VerifyProgress).bytesCompared).toBe(2 * MIB);
  expect(codes).toEqual([
    ...Array<string>(STALL_ATTEMPTS).fill('DestinationUnreadable'),
    'VerifyStalled',
  ]);
});
