import { readFile } from 'node:fs/promises';
import type { Device } from '../contract/attachment.ts';
import type { EngineName, Reasoned, ZeroHandling } from '../contract/copy.ts';
import type { EndState } from './end-state.ts';
import { isHole, isQemuExport } from './probe.ts';
import { isOnPath } from '../system/on-path.ts';

/**
 * Whether the file of the source says where it has no data, so that this is not read. qemu's export
 * calls a hole what its storage has deallocated, whatever that reads as (fuse_lseek asks for
 * BDRV_BLOCK_DATA, not for BDRV_BLOCK_ZERO; without LBPRZ a SCSI target may answer anything).
 * @throws DeviceLost
 */
export async function chooseExtents(
  engine: EngineName,
  kind: EndState['kind'],
  source: Device,
): Promise<Reasoned<boolean>> {
  const no = (because: string): Reasoned<boolean> => ({ value: false, because });
  if (engine !== 'direct') return no(`engine ${engine} reads every byte`);
  if (kind === 'block') return no('a block device does not tell of its holes');
  if (await isQemuExport(source, 'source')) return no("qemu's holes need not read as zeros");
  if (!(await isOnPath('perl'))) return no('perl, which asks a file for its holes, is not there');
  return { value: true, because: 'the source is a file, which tells where it has data' };
}

/** Bytes of zeros that a block device makes at once by itself, 0 if it has to be sent them. */
async function zeroesBytes({ onDevice }: EndState): Promise<number> {
  const directory = `/sys/dev/block/${onDevice}`;
  // A partition has the queue of its disk.
  for (const queue of [`${directory}/queue`, `${directory}/../queue`]) {
    const text = await readFile(`${queue}/write_zeroes_max_bytes`, 'utf8').catch(() => '');
    if (/^\d+\s*$/.test(text)) return Number(text);
  }
  return 0;
}

/** What is done with zeros so that old data never show. @throws DeviceLost */
export async function chooseZeros(
  engine: EngineName,
  destination: { device: Device; state: EndState },
  facts: { destinationReadsAsZeros: boolean; encrypted: boolean },
): Promise<Reasoned<ZeroHandling>> {
  const choose = (value: ZeroHandling, because: string): Reasoned<ZeroHandling> => {
    return { value, because };
  };
  if (facts.encrypted) return choose('write', 'zeros that are not written would decrypt to noise');
  if (engine === 'file') return choose('write', 'the file engine writes every byte');
  if (facts.destinationReadsAsZeros) {
    return choose('skip', 'the destination was never written and reads as zeros');
  }
  const { device, state } = destination;
  if (state.kind === 'file' && (await isHole(device, 'destination'))) {
    return choose('skip', "the destination's file says that all of it is a hole");
  }
  const old = 'the destination may hold old data';
  if (engine === 'dd') return choose('write', `${old}, and dd can only write zeros`);
  if (state.kind === 'file') return choose('discard', `${old}, and its file can have holes`);
  const bytes = await zeroesBytes(state);
  if (bytes === 0) return choose('write', `${old}, and its device makes no zeros by itself`);
  return choose('discard', `${old}, and its device makes zeros by itself`);
}
