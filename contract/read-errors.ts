import type { CopyOptions, EngineName } from './copy.ts';
import { DrayError } from './errors.ts';

/**
 * The engine that what is asked for leaves: only lanes go on where the source cannot be read.
 * @throws BadOption where another one was asked for
 */
export function engineAsked({ engine, onReadError = 'fail' }: CopyOptions): EngineName | 'auto' {
  if (onReadError === 'fail') return engine ?? 'auto';
  if (engine === undefined || engine === 'auto' || engine === 'direct') return 'direct';
  const because = `engine ${engine} ends where the source cannot be read; leave --engine out`;
  throw new DrayError('BadOption', { option: '--on-read-error', because });
}
