import { sleep } from '@temporalio/workflow';

/** A copy that begins with something that no release of Drayage does. */
export async function copyVolume(): Promise<void> {
  await sleep('1 day');
}

/** One that no release has any more. */
export async function retired(): Promise<void> {
  await sleep('1 day');
}
