import { execa } from 'execa';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A virtual machine gives freed memory back to its host some seconds later, and gets it again for
 * much more: what starts at once would be ahead of a command that attaches first.
 */
export const SETTLE_MILLISECONDS = 5_000;

/** Nobody's dirty pages are written on somebody else's time, and nobody reads from memory. */
export async function forgetCaches(paths: readonly string[], settle = SETTLE_MILLISECONDS) {
  await execa('sync');
  for (const path of paths) {
    await execa('dd', [`if=${path}`, 'of=/dev/null', 'iflag=nocache', 'count=0']);
  }
  await sleep(settle);
}
