import type { Device } from '../contract/attachment.ts';
import type { ByteRange, EngineName, Reasoned } from '../contract/copy.ts';
import type { ReadPlan } from '../contract/verify.ts';
import type { Role } from '../contract/volume.ts';
import { DrayError } from '../contract/errors.ts';
import { isOnPath } from '../system/on-path.ts';
import { runTool } from '../system/run.ts';
import { deviceLost } from './end-state.ts';
import { errnoOfMessage, LOST_ERRNOS } from './errnos.ts';
import { ALIGNMENT, wholePages } from './lanes/alignment.ts';

const READ_SECONDS = 30;

/** Why a read of one block failed, in dd's words; undefined when it came. Changes nothing. */
async function readFailure(
  path: string,
  at: { offset: number; length: number; blockBytes: number; direct: boolean },
  timeoutSeconds = READ_SECONDS,
): Promise<string | undefined> {
  const result = await runTool(
    'dd',
    [
      `if=${path}`,
      'of=/dev/null',
      `bs=${at.blockBytes}`,
      `skip=${at.offset}`,
      `count=${at.length}`,
      `iflag=count_bytes,skip_bytes${at.direct ? ',direct' : ''}`,
      'status=none',
    ],
    { timeoutSeconds },
  );
  if (result.status === 0) return undefined;
  return reasonIn(result.stderr);
}

/** strerror's part of dd's first line. */
function reasonIn(stderr: string): string {
  const words = stderr.trim().split('\n')[0] ?? '';
  return words.slice(words.lastIndexOf(': ') + 2);
}

/** Time for a device to give its first bytes to somebody who waits for them. */
const GLANCE_SECONDS = 3;
const GLANCE_BYTES = 4096;

/** Why a device does not give its first bytes at once, in words; undefined when it does. */
export async function whySilent(path: string): Promise<string | undefined> {
  const first = { offset: 0, length: GLANCE_BYTES, blockBytes: GLANCE_BYTES };
  try {
    const failure = await readFailure(path, { ...first, direct: true }, GLANCE_SECONDS);
    // A file system without O_DIRECT refuses that, not the read.
    if (failure === undefined || errnoOfMessage(failure) !== 'EINVAL') return failure;
    return await readFailure(path, { ...first, direct: false }, GLANCE_SECONDS);
  } catch (error) {
    if (!(error instanceof DrayError) || error.code !== 'ToolFailed') throw error;
    return `no byte within ${GLANCE_SECONDS} s`;
  }
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

/** Ends well when lseek(2) finds no data with SEEK_DATA, which Node does not have. Argument: path. */
const SEEKER = `
use Errno;
open(my $file, '<', $ARGV[0]) or die "$!\\n";
exit(!defined sysseek($file, 0, 3) && $!{ENXIO} ? 0 : 1);
`;

/**
 * Whether a file says that it holds no data at all. File systems that do not know call everything
 * data (lseek(2)); qemu calls holes what need not read as zeros, and is not asked.
 * @throws DeviceLost
 */
export async function isHole(device: Device, role: Role): Promise<boolean> {
  if (!(await isOnPath('perl')) || (await isQemuExport(device, role))) return false;
  const asked = await runTool('perl', ['-e', SEEKER, device.path], {
    timeoutSeconds: READ_SECONDS,
  });
  return asked.status === 0;
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
    const failure = await readFailure(device.path, { ...block, blockBytes, direct: true });
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

/** Whether one place on an end can be read, in the way the plan reads it; in time. */
async function canBeRead(
  device: Device,
  { offset, length }: ByteRange,
  at: { blockBytes: number; direct: boolean },
): Promise<boolean> {
  try {
    return (await readFailure(device.path, { ...at, offset, length })) === undefined;
  } catch (error) {
    // No answer in time, which is an answer too.
    if (!(error instanceof DrayError) || error.code !== 'ToolFailed') throw error;
    return false;
  }
}

/** The longest of the places are looked at: what was away for a while leaves long ones. */
const LOOKED_AT = 4;

/** A page in a place that can be read; undefined where it seems to be none. */
export async function readablePage(
  device: Device,
  places: readonly ByteRange[],
  direct: boolean,
): Promise<number | undefined> {
  const longest = places.toSorted((a, b) => b.length - a.length).slice(0, LOOKED_AT);
  for (const { offset, length } of longest) {
    const page = { offset, length: Math.min(length, ALIGNMENT) };
    const isPage = page.offset % ALIGNMENT === 0 && page.length === ALIGNMENT;
    const at = { blockBytes: ALIGNMENT, direct: direct && isPage };
    if (await canBeRead(device, page, at)) return offset;
  }
  return undefined;
}

/** Whether an end still answers reads, at its start or at its end, in the way the plan reads it. */
export async function answersReads(device: Device, role: Role, plan: ReadPlan): Promise<boolean> {
  const { bytesTotal, blockBytes } = plan;
  const direct = directEnds(plan)[role];
  const bytes = direct ? probedBytes(plan.engine.value, bytesTotal) : bytesTotal;
  for (const block of tellingBlocks(bytes, blockBytes)) {
    if (await canBeRead(device, block, { blockBytes, direct })) return true;
  }
  return false;
}
