import type { Device } from '../contract/attachment.ts';
import { DrayError } from '../contract/errors.ts';
import type { Role } from '../contract/volume.ts';
import { blockDeviceBytes, formatDeviceNumber } from '../system/block-device.ts';
import { runTool } from '../system/run.ts';

/** What stands at a device's path now. Numbers as stat(2) has them. */
export type EndState = {
  kind: 'block' | 'file';
  /** Device number `major:minor` of a block device itself, of a file the one it lies on. */
  onDevice: string;
  /** Equal for two paths exactly when they lead to the same bytes. */
  identity: string;
  sizeBytes: number;
};

const ANSWER_SECONDS = 10;
/** What stat(1) is asked for: the mode in hexadecimal, all others in decimal. */
const FACTS = /^([0-9a-f]+) (\d+) (\d+) (\d+) (\d+)$/;

export function deviceLost(role: Role, device: Device, because: string): DrayError {
  return new DrayError('DeviceLost', { role, device: device.path, because });
}

/** Of a block device that may go between two looks. @throws DeviceLost */
async function bytesOf(onDevice: string, device: Device, role: Role): Promise<number> {
  return blockDeviceBytes(onDevice).catch((error: unknown) => {
    throw deviceLost(role, device, (error as Error).message);
  });
}

/**
 * Looks at an end through a process of its own: a target that does not answer then blocks none of
 * the worker's few I/O threads. @throws DeviceLost when it is gone, silent or of another size, ToolFailed
 */
export async function inspectEnd(device: Device, role: Role): Promise<EndState> {
  const args = ['-L', '-c', '%f %d %i %r %s', '--', device.path];
  const found = await runTool('stat', args, { timeoutSeconds: ANSWER_SECONDS }).catch(
    (error: unknown) => {
      if (!(error instanceof DrayError) || error.code !== 'ToolFailed') throw error;
      throw deviceLost(role, device, `no answer within ${ANSWER_SECONDS} s`);
    },
  );
  if (found.status !== 0) throw deviceLost(role, device, found.stderr.replace(/^.*: /, '').trim());
  const facts = FACTS.exec(found.stdout);
  if (facts === null) {
    const stderr = found.stdout;
    throw new DrayError('ToolFailed', { tool: 'stat', status: 'unknown output', stderr });
  }
  const [, mode = '', dev = '0', inode = '', rdev = '0', size = ''] = facts;
  const isBlock = (parseInt(mode, 16) & 0o170000) === 0o060000;
  const onDevice = formatDeviceNumber(BigInt(isBlock ? rdev : dev));
  const state: EndState = {
    kind: isBlock ? 'block' : 'file',
    onDevice,
    identity: isBlock ? `block ${onDevice}` : `file ${dev} ${inode}`,
    sizeBytes: isBlock ? await bytesOf(onDevice, device, role) : Number(size),
  };
  // Also how the plain file beneath a FUSE mount that is gone gives itself away: it is empty.
  if (state.sizeBytes !== device.sizeBytes) {
    const because = `it has ${state.sizeBytes} bytes, ${device.sizeBytes} were attached`;
    throw deviceLost(role, device, because);
  }
  return state;
}
