import type { Device } from '../contract/attachment.ts';
import type { EngineName, Reasoned } from '../contract/copy.ts';
import type { ReadPlan } from '../contract/verify.ts';
import type { Role } from '../contract/volume.ts';
import { DrayError } from '../contract/errors.ts';
import { runTool } from '../system/run.ts';
import { deviceLost } from './end-state.ts';
import { errnoOfMessage, LOST_ERRNOS } from './errnos.ts';
import { wholePages } from './lanes/alignment.ts';

const READ_SECONDS = 30;

/** Why a read of one block failed, in dd's words; undefined when it came. Changes nothing. */
async function readFailure(
  device: Device,
  at: { offset: number; length: number; blockBytes: number; direct: boolean },
): Promise<string | undefined> {
  const result = await runTool(
    'dd',
    [
      `if=${device.path}`,
      'of=/dev/null',
      `bs=${at.blockBytes}`,
      `skip=${at.offset}`,
      `count=${at.length}`,
      `iflag=count_bytes,skip_bytes${at.direct ? ',direct' : ''}`,
      'status=none',
    ],
    { timeoutSeconds: READ_SECONDS },
  );
  if (result.status === 0) return undefined;
  return reasonIn(result.stderr);
}

/** strerror's part of dd's first line. */
function reasonIn(stderr: string): string {
  const words = stderr.trim().split('\n')[0] ?? '';
  return words.slice(words.lastIndexOf(': ') + 2);
}

/**
 * Why dd cannot open a path, in its words; undefined when it can. Opens it for reading and changes
 * nothing. A lost end is not this question: both engines would fail on it.
 */
export async function openRefusal(path: string): Promise<string | undefined> {
  const options = { timeoutSeconds: READ_SECONDS };
  const result = await runTool('dd', [`if=${path}`, 'of=/dev/null', 'count=0'], options);
  if (result.status === 0) return undefined;
  const reason = reasonIn(result.stderr);
  return LOST_ERRNOS.has(errnoOfMessage(reason) ?? '') ? undefined : reason;
}

/** `stat --file-system`'s type of FUSE (FUSE_SUPER_MAGIC). */
const FUSE_TYPE = '65735546';
/** The longest direct write that the kernel sends to a FUSE server as one request (256 pages). */
export const FUSE_REQUEST_BYTES = 2 ** 20;

/** FUSE_ROOT_ID: qemu's export is a mount whose root is the file itself. */
const ROOT_INODE = '1';

/**
 * Whether a file is one that qemu-storage-daemon exports by FUSE. The kernel sends a direct write of
 * more than FUSE_REQUEST_BYTES as several requests at once, and qemu (seen with 7.2) reads the
 * second one into the buffer it still writes from, so that other data arrive than were sent.
 * @throws DeviceLost
 */
export async function isQemuExport(device: Device, role: Role): Promise<boolean> {
  const stat = async (...args: string[]): Promise<string> => {
    const found = await runTool('stat', [...args, '--', device.path], {
      timeoutSeconds: READ_SECONDS,
    });
    if (found.status !== 0) throw deviceLost(role, device, found.stderr.trim());
    return found.stdout.trim();
  };
  if ((await stat('--file-system', '--format=%t')) !== FUSE_TYPE) return false;
  return (await stat('--format=%i')) === ROOT_INODE;
}

/** The last request of a copy, and the second one, which shows whether all offsets are aligned. */
function tellingBlocks(bytes: number, blockBytes: number): { offset: number; length: number }[] {
  const last = Math.floor((bytes - 1) / blockBytes) * blockBytes;
  const offsets = [...new Set([last, Math.min(blockBytes, last)])];
  return offsets.map((offset) => ({ offset, length: Math.min(blockBytes, bytes - offset) }));
}

/**
 * Whether an end takes O_DIRECT for the requests this copy makes. Cinder's probe
 * (check_for_odirect_support) truncates or creates the destination; this one only reads: the same
 * alignment rules hold for reads, and dd itself drops O_DIRECT for a shorter last write.
 *
 * Never for long writes to what qemu exports (see isQemuExport): through the page cache they go one
 * after the other.
 * @throws DeviceLost, ToolMissing
 */
export async function probeDirect(
  device: Device,
  role: Role,
  bytes: number,
  blockBytes: number,
): Promise<Reasoned<boolean>> {
  const isLongWrite = role === 'destination' && blockBytes > FUSE_REQUEST_BYTES;
  if (isLongWrite && (await isQemuExport(device, role))) {
    const because = `qemu's FUSE export mixes up direct writes above ${FUSE_REQUEST_BYTES} bytes`;
    return { value: false, because };
  }
  if (bytes === 0) return { value: false, because: 'it is shorter than a page' };
  for (const block of tellingBlocks(bytes, blockBytes)) {
    const failure = await readFailure(device, { ...block, blockBytes, direct: true });
    if (failure === undefined) continue;
    if (LOST_ERRNOS.has(errnoOfMessage(failure) ?? '')) throw deviceLost(role, device, failure);
    const { length, offset } = block;
    return { value: false, because: `a direct read of ${length} at ${offset} failed: ${failure}` };
  }
  return { value: true, because: 'direct reads of its first and last requests came' };
}

/**
 * The bytes whose first and last requests tell of all: lanes take what is not a whole page at the
 * end through the page cache, dd takes all or nothing.
 */
export function probedBytes(engine: EngineName, bytesTotal: number): number {
  return engine === 'direct' ? wholePages(bytesTotal) : bytesTotal;
}

/** Which ends the plan opens with O_DIRECT. */
export function directEnds(
  plan: Pick<ReadPlan, 'sourceDirect' | 'destinationDirect'>,
): Record<Role, boolean> {
  return { source: plan.sourceDirect.value, destination: plan.destinationDirect.value };
}

/** Whether an end still answers reads, at its start or at its end, in the way the plan reads it. */
export async function answersReads(device: Device, role: Role, plan: ReadPlan): Promise<boolean> {
  const { bytesTotal, blockBytes } = plan;
  const direct = directEnds(plan)[role];
  const bytes = direct ? probedBytes(plan.engine.value, bytesTotal) : bytesTotal;
  for (const block of tellingBlocks(bytes, blockBytes)) {
    try {
      const failure = await readFailure(device, { ...block, blockBytes, direct });
      if (failure === undefined) return true;
    } catch (error) {
      // No answer in time, which is an answer too.
      if (!(error instanceof DrayError) || error.code !== 'ToolFailed') throw error;
    }
  }
  return false;
}
