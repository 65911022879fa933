import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import {
  fileSerial,
  type Attachment,
  type ConnectionInfo,
  type Device,
  type DeviceIdentity,
  type LocalData,
} from '../contract/attachment.ts';
import { DrayError } from '../contract/errors.ts';
import { formatVolume, type Undone } from '../contract/volume.ts';
import { errnoOf } from '../system/atomic-file.ts';
import { blockDeviceBytes, formatDeviceNumber } from '../system/block-device.ts';
import { flushDevice } from './flush.ts';
import type { Connector } from './connector.ts';

/** A disk that needs longer to flush is broken, or the flush is repeated by the next attempt. */
const FLUSH_SECONDS = 60;

function localData(info: ConnectionInfo): LocalData {
  if (info.driverVolumeType === 'local') return info.data;
  const because = `the connection is of type ${info.driverVolumeType}`;
  throw new DrayError('ProtocolUnavailable', { host: hostname(), protocol: 'local', because });
}

function wrongDevice(attachment: Attachment, device: string, because: string): DrayError {
  const volume = formatVolume(attachment.volume);
  return new DrayError('WrongDevice', { device, volume, because });
}

/** Size in bytes of what stat(2) found; undefined unless it is a file or a block device. */
async function bytesOf(info: BigIntStats): Promise<number | undefined> {
  if (info.isFile()) return Number(info.size);
  return info.isBlockDevice() ? blockDeviceBytes(formatDeviceNumber(info.rdev)) : undefined;
}

/** undefined when nothing has the path. */
async function look(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** @throws WrongDevice when the path has no file or block device */
async function sizeOf(attachment: Attachment, path: string, info: BigIntStats | undefined) {
  if (info === undefined) throw wrongDevice(attachment, path, 'there is nothing at this path');
  const sizeBytes = await bytesOf(info);
  if (sizeBytes !== undefined) return { sizeBytes, info };
  throw wrongDevice(attachment, path, 'it is neither a file nor a block device');
}

/** @throws WrongDevice when nothing usable has the path */
async function find(attachment: Attachment, path: string) {
  const info = await look(path).catch((error: unknown) => {
    throw wrongDevice(attachment, path, `it cannot be looked at: ${(error as Error).message}`);
  });
  return sizeOf(attachment, path, info);
}

async function connectVolume(attachment: Attachment, info: ConnectionInfo): Promise<Device> {
  const path = localData(info).device_path;
  const { sizeBytes } = await find(attachment, path);
  return { path, sizeBytes, accessMode: attachment.accessMode };
}

async function identify(
  attachment: Attachment,
  _info: ConnectionInfo,
  device: Device,
): Promise<DeviceIdentity> {
  const found = await find(attachment, device.path);
  return { serial: fileSerial(found.info.dev, found.info.ino), sizeBytes: found.sizeBytes };
}

async function disconnectVolume(
  attachment: Attachment,
  info: ConnectionInfo | undefined,
  device: Device | undefined,
  force: boolean,
): Promise<Undone> {
  const path = device?.path ?? (info && localData(info).device_path);
  if (path === undefined) return 'alreadyGone';
  try {
    if ((await look(path)) === undefined) return 'alreadyGone';
    if (attachment.accessMode === 'rw') await flushDevice(path, FLUSH_SECONDS);
  } catch (cause) {
    if (force) return 'done';
    const because = `what was written could not be flushed: ${(cause as Error).message}`;
    throw new DrayError('DisconnectFailed', { device: path, because }, { cause });
  }
  return 'done';
}

/** A path on the host that owns the storage: nothing is made, so nothing but a flush is undone. */
export function localConnector(): Connector {
  return {
    protocol: 'local',
    unavailable: () => Promise.resolve(undefined),
    connectVolume,
    identify,
    disconnectVolume,
  };
}
