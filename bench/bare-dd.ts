import { execa } from 'execa';
import type { CopyEnds } from '../contract/copy.ts';
import { parseBlockSize } from '../contract/block-size.ts';
import { probeDirect } from '../copy/probe.ts';
import type { BlockSize } from './samples.ts';

/**
 * Cinder's command line (volume_utils._copy_volume_with_path): O_DIRECT on each end that takes it,
 * as probed. Beyond it, to do the same work as ours: `notrunc`, and `fdatasync`, without which its
 * time would end before its bytes are safe.
 */
export async function bareDdArguments(
  { source, destination }: CopyEnds,
  block: BlockSize,
): Promise<string[]> {
  const bytes = source.sizeBytes;
  const blockBytes = parseBlockSize(block);
  const fromDirect = (await probeDirect(source, 'source', bytes, blockBytes)).value;
  const toDirect = (await probeDirect(destination, 'destination', bytes, blockBytes)).value;
  return [
    `if=${source.path}`,
    `of=${destination.path}`,
    `count=${bytes}`,
    `bs=${block}`,
    `iflag=count_bytes${fromDirect ? ',direct' : ''}`,
    ...(toDirect ? ['oflag=direct'] : []),
    'conv=notrunc,fdatasync',
  ];
}

/** Wall time of the program, in seconds. */
export async function timeBareDd(ends: CopyEnds, block: BlockSize): Promise<number> {
  const args = await bareDdArguments(ends, block);
  const startedAt = performance.now();
  await execa('dd', args, { stdin: 'ignore' });
  return (performance.now() - startedAt) / 1000;
}
