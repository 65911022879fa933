import { parseBlockSize } from './block-size.ts';
import type { CopyOptions, EngineName } from './copy.ts';
import { DrayError } from './errors.ts';

/** The longest request of a lane; each lane has memory for one. */
export const MAX_LANE_REQUEST_BYTES = 64 * 2 ** 20;

/** Only lanes go on where the source cannot be read. @throws BadOption where another was asked for */
function engineThatGoesOn({ engine, onReadError = 'fail' }: CopyOptions): EngineName | 'auto' {
  if (onReadError === 'fail') return engine ?? 'auto';
  if (engine === undefined || engine === 'auto' || engine === 'direct') return 'direct';
  const because = `engine ${engine} ends where the source cannot be read; leave --engine out`;
  throw new DrayError('BadOption', { option: '--on-read-error', because });
}

/** The engine that what is asked for leaves. @throws BadOption, BadBlockSize */
export function engineAsked(options: CopyOptions): EngineName | 'auto' {
  const engine = engineThatGoesOn(options);
  const { blockSize } = options;
  if (engine !== 'direct' || blockSize === undefined) return engine;
  if (parseBlockSize(blockSize) <= MAX_LANE_REQUEST_BYTES) return engine;
  const because = 'engine direct has requests of at most 64M; longer ones need --engine dd';
  throw new DrayError('BadBlockSize', { blockSize, because });
}
