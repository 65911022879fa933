import { hostname } from 'node:os';
import type { Attachment, ConnectionInfo, IscsiData } from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import { formatVolume } from '../../contract/volume.ts';
import { assertCurrent, type Epoch } from '../../system/epoch.ts';
import { flushDevice } from '../flush.ts';
import type { Connector } from '../connector.ts';
import { Exclusion } from '../../system/exclusion.ts';
import { attach, deviceBytes, takeOver } from './attach.ts';
import { attachmentDir, type AttachmentDir } from './attachment-dir.ts';
import { lacksForIscsi } from './availability.ts';
import { daemonArgv } from './command-line.ts';
import { askUnit } from './identify.ts';
import { assertUnheld, findRemains, isNothing, isServed, release } from './release.ts';

/** What a userspace initiator works with. */
export type IscsiContext = {
  epoch: Epoch;
  /** IQN this host logs in with. */
  initiator: string;
  /** State directory with one directory an attachment. */
  attachmentsDir: string;
};

/** Long enough for a target's restart: the flush waits and then succeeds. */
const FLUSH_SECONDS = 60;

function iscsiData(info: ConnectionInfo): IscsiData {
  if (info.driverVolumeType === 'iscsi') return info.data;
  const because = `the connection is of type ${info.driverVolumeType}`;
  throw new DrayError('ProtocolUnavailable', { host: hostname(), protocol: 'iscsi', because });
}

/** @throws DisconnectFailed */
async function flush(dir: AttachmentDir): Promise<void> {
  await flushDevice(dir.device, FLUSH_SECONDS).catch((cause: unknown) => {
    const because = `what was written could not be flushed: ${(cause as Error).message}`;
    throw new DrayError('DisconnectFailed', { device: dir.device, because }, { cause });
  });
}

/**
 * iSCSI without kernel support: a qemu-storage-daemon for each attachment logs in, and its FUSE
 * export is the device. The daemon outlives its worker on purpose and is found again by its command
 * line. libiscsi logs in again by itself when a target returns; I/O waits meanwhile.
 */
export function iscsiConnector(context: IscsiContext): Connector {
  const { epoch, initiator, attachmentsDir } = context;
  const exclusion = new Exclusion();
  let available = false;

  async function unavailable(): Promise<string | undefined> {
    if (available) return undefined;
    const [lack] = await lacksForIscsi();
    available = lack === undefined;
    return lack?.sentence;
  }

  async function connect(attachment: Attachment, data: IscsiData) {
    const dir = await attachmentDir(attachmentsDir, attachment.id);
    const { accessMode } = attachment;
    const argv = daemonArgv(dir, data, initiator, accessMode);
    const remains = await findRemains(dir);
    if (!isNothing(remains)) {
      const device = await takeOver(dir, argv, accessMode);
      if (device !== undefined) return device;
      if (isServed(remains)) await assertUnheld(dir);
      await release(dir, epoch);
    }
    try {
      return await attach(dir, epoch, argv, data, accessMode);
    } catch (error) {
      // Superseded: what is there belongs to the worker that has taken over.
      assertCurrent(epoch);
      await release(dir, epoch);
      throw error;
    }
  }

  async function disconnect(attachment: Attachment, force: boolean) {
    const dir = await attachmentDir(attachmentsDir, attachment.id);
    const remains = await findRemains(dir);
    if (isNothing(remains)) return 'alreadyGone';
    assertCurrent(epoch);
    if (isServed(remains) && !force) {
      await assertUnheld(dir);
      if (attachment.accessMode === 'rw') await flush(dir);
    }
    await release(dir, epoch);
    return 'done';
  }

  return {
    protocol: 'iscsi',
    unavailable,
    connectVolume: (attachment, info) =>
      exclusion.run(attachment.id, () => connect(attachment, iscsiData(info))),
    disconnectVolume: (attachment, _info, _device, force) =>
      exclusion.run(attachment.id, () => disconnect(attachment, force)),
    async identify(attachment, info, device) {
      const unit = await askUnit(iscsiData(info), initiator);
      const mountedBytes = await deviceBytes(device.path);
      if (mountedBytes === unit.sizeBytes) return unit;
      if (mountedBytes === undefined) {
        const because = 'it no longer answers';
        throw new DrayError('DeviceLost', {
          role: attachment.role,
          device: device.path,
          because,
        });
      }
      throw new DrayError('WrongDevice', {
        device: device.path,
        volume: formatVolume(attachment.volume),
        because: `it has ${mountedBytes} bytes, its unit ${unit.sizeBytes}`,
      });
    },
  };
}
