/** Messages of glibc's strerror(3) in the C locale for what a volume may answer. */
const MESSAGES: Record<string, string> = {
  'Operation not permitted': 'EPERM',
  'Input/output error': 'EIO',
  'No such device or address': 'ENXIO',
  'No such file or directory': 'ENOENT',
  'Permission denied': 'EACCES',
  'No such device': 'ENODEV',
  'Invalid argument': 'EINVAL',
  'File too large': 'EFBIG',
  'No space left on device': 'ENOSPC',
  'Read-only file system': 'EROFS',
  'Software caused connection abort': 'ECONNABORTED',
  'Transport endpoint is not connected': 'ENOTCONN',
  'Connection timed out': 'ETIMEDOUT',
  'Stale file handle': 'ESTALE',
  'Remote I/O error': 'EREMOTEIO',
  'Disk quota exceeded': 'EDQUOT',
  'No medium found': 'ENOMEDIUM',
};

/** The device has gone for good; only attaching it anew helps. */
export const LOST_ERRNOS = new Set([
  ...['ENOTCONN', 'ENODEV', 'ENXIO', 'ENOENT'],
  ...['ECONNABORTED', 'ESTALE', 'ENOMEDIUM'],
]);

/** One place cannot be read, as storage says it (blk_status_to_errno in the kernel). */
export const MEDIUM_ERRNOS = new Set(['EIO', 'EREMOTEIO', 'ENODATA', 'EILSEQ']);

export const FULL_ERRNOS = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The errno name of a message such as `Input/output error`; undefined for any other text. */
export function errnoOfMessage(message: string): string | undefined {
  return Object.hasOwn(MESSAGES, message) ? MESSAGES[message] : undefined;
}
