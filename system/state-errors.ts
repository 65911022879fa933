import { DrayError } from '../contract/errors.ts';

/** For state that the file system refuses. */
export function unwritable(path: string, error: unknown): DrayError {
  const because = (error as Error).message;
  return new DrayError('StateUnwritable', { path, because }, { cause: error });
}

/** For bytes of state that could not be written: for want of space, or as `unwritable`. */
export function unwritten(path: string, error: unknown): DrayError {
  const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC';
  return isFull
    ? new DrayError('StorageFull', { path }, { cause: error })
    : unwritable(path, error);
}
