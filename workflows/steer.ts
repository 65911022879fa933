import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import type { CopyControl } from '../contract/control.ts';
import { copyIdOf } from '../contract/ids.ts';
import type { Owner } from '../contract/attachment.ts';
import { formatVolume } from '../contract/volume.ts';
import { hostOf } from './places.ts';
import type { Run } from './run.ts';

/** Brings the host each change, until it is cancelled: a host that is away gets it when it is back. */
async function deliver(run: Run, owner: Owner): Promise<void> {
  const { destination, hostId } = owner;
  const about = `${formatVolume(destination)} on ${hostId}`;
  for (;;) {
    const control = await run.control.undelivered();
    try {
      const host = hostOf(hostId).bind(run.limits, about);
      await host.controlCopy({ destination, copyId: copyIdOf(owner), control });
      run.control.delivered(control.version);
    } catch (error) {
      if (isCancellation(error)) throw error;
      await sleep(run.limits.retryMaximumSeconds * 1000);
    }
  }
}

/** Does a copy step with what is wanted by then; what changes while it runs is brought after it. */
export async function steered<T>(
  run: Run,
  owner: Owner,
  act: (control: CopyControl) => Promise<T>,
): Promise<T> {
  const { current } = run.control;
  run.control.delivered(current.version);
  const scope = new CancellationScope();
  const delivery = scope.run(() => deliver(run, owner)).catch(() => undefined);
  try {
    return await act(current);
  } finally {
    scope.cancel();
    await delivery;
    // After it: a change that has arrived meanwhile has arrived at nobody.
    run.control.ended();
  }
}
