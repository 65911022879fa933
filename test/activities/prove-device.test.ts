import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostContext } from '../../activities/context.ts';
import { createHostActivities, type HostActivities } from '../../activities/host.ts';
import { localConnector } from '../../connectors/local.ts';
import { usersOf } from '../../connectors/users.ts';
import { type Attachment, type Device, fileSerial } from '../../contract/attachment.ts';
import { copyIdOf } from '../../contract/ids.ts';
import { openForCopy } from '../../copy/ends.ts';
import { takeLease } from '../../copy/lease.ts';
import { copierStarter } from '../../copy/start-copier.ts';
import { writeClaim } from '../../system/claims.ts';
import { until } from '../rig/poll.ts';
import { MIB, OWNER, Rig, VOLUMES } from '../copy/rig.ts';

let rig: Rig;
let activities: HostActivities;
let device: Device;
let attachment: Attachment;

beforeEach(async () => {
  rig = await Rig.make();
  device = await rig.file('b', MIB);
  const { dev, ino } = await stat(device.path, { bigint: true });
  const serial = fileSerial(dev, ino);
  attachment = {
    id: 'destination',
    volume: VOLUMES.destination,
    role: 'destination',
    accessMode: 'rw',
    owner: OWNER,
    exported: { name: 'b', serial, sizeBytes: MIB, readsAsZeros: false, reservation: 'reserved' },
  };
  const info = { driverVolumeType: 'local' as const, data: { device_path: device.path } };
  await writeClaim(rig.state.dirs.claims, { attachment, info });
  const connectors = { local: localConnector() };
  activities = createHostActivities({ state: rig.state, log: rig.log, connectors } as HostContext);
});
afterEach(() => rig.close());

/** A copier of the copy that has the destination open for writing. */
async function sittingCopier(copyId: string): Promise<{ ended: Promise<unknown> }> {
  const ends = { source: await rig.file('a', MIB), destination: device };
  const lease = await takeLease(rig.state, VOLUMES.destination, copyId, 'attempt-1');
  const open = await openForCopy(ends, VOLUMES);
  const child = copierStarter(lease, open)(['sh', '-c', 'exec sleep 60 >>/dev/fd/4']);
  const ended = once(child, 'close');
  await open.close();
  rig.undo(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await until('a writer', async () => (await usersOf(device.path)).some((user) => user.writes));
  return { ended };
}

describe('proveDevice, when the workflow was reset and a copier of before lives', () => {
  it('ends the copier of the same copy and answers what the device is', async () => {
    const { ended } = await sittingCopier(copyIdOf(OWNER));
    const identity = await activities.proveDevice({ attachment, device });
    expect(identity).toMatchObject({ sizeBytes: MIB });
    await ended;
  });

  it('refuses the device while the copier of another copy writes it', async () => {
    await sittingCopier('another-copy');
    await expect(activities.proveDevice({ attachment, device })).rejects.toMatchObject({
      code: 'DeviceBusy',
    });
  });
});
