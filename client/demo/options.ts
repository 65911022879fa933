import { DrayError } from '../../contract/errors.ts';
import { DEBIAN_PACKAGES, missingForIscsi } from './iscsi-tools.ts';

export type Storage = 'file' | 'iscsi';
export type StorageWish = Storage | 'auto';
export type Killable = 'worker' | 'copier' | 'target' | 'server';

export type DemoOptions = {
  sizeBytes: number;
  storage: Storage;
  /** Why this storage, in words. */
  because: string;
  kill: Killable | undefined;
  /** Path of the temporal program; without it the usual places are tried. */
  temporalBinary?: string | undefined;
};

/** Smaller volumes have too few requests to be killed in the middle. Unit: bytes. */
const LEAST_TO_KILL = 16 * 2 ** 20;

async function chooseStorage(wish: StorageWish): Promise<Pick<DemoOptions, 'storage' | 'because'>> {
  if (wish === 'file') return { storage: 'file', because: 'asked for' };
  const missing = await missingForIscsi();
  if (wish === 'auto') {
    return missing.length === 0
      ? { storage: 'iscsi', because: 'its tools are installed' }
      : { storage: 'file', because: `for iSCSI this is missing: ${missing.join(', ')}` };
  }
  if (missing.length === 0) return { storage: 'iscsi', because: 'asked for' };
  throw new DrayError('BadOption', {
    option: '--storage iscsi',
    because: `missing: ${missing.join(', ')}; install the Debian packages ${DEBIAN_PACKAGES}`,
  });
}

/** @throws BadOption for what cannot be shown here, before anything is started */
export async function readDemoOptions(
  sizeBytes: number,
  wish: StorageWish,
  kill: Killable | undefined,
): Promise<DemoOptions> {
  if (kill !== undefined && sizeBytes < LEAST_TO_KILL) {
    const because = `with --kill at least ${LEAST_TO_KILL / 2 ** 20}MiB are needed`;
    throw new DrayError('BadOption', { option: '--size', because });
  }
  const chosen = await chooseStorage(kill === 'target' && wish === 'auto' ? 'iscsi' : wish);
  if (kill === 'target' && chosen.storage !== 'iscsi') {
    const because = 'only iSCSI storage has a target: use --storage iscsi';
    throw new DrayError('BadOption', { option: '--kill target', because });
  }
  return { sizeBytes, kill, ...chosen };
}
