import { allHandlersFinished, CancellationScope, condition } from '@temporalio/workflow';
import type { Attachment, ConnectorProperties } from '../contract/attachment.ts';
import type { Held } from '../contract/copy.ts';
import type { TimeLimits } from '../contract/limits.ts';
import { formatVolume } from '../contract/volume.ts';
import { fenceStep, undoSteps } from './attachment.ts';
import { Run } from './run.ts';

export type ReleaseInput = { attachment: Attachment; limits: TimeLimits };

/** What an undo needs to know of a host that may be gone: its name. */
function nameOnly(host: string): ConnectorProperties {
  return {
    host,
    ip: '',
    platform: '',
    os_type: '',
    multipath: false,
    do_local_attach: false,
    protocols: [],
    unavailable: {},
  };
}

/**
 * Takes back what an ended workflow still holds, by the same undo stack and on the same queues.
 * It starts from a claim or a reservation; whatever of the attachment never happened is passed.
 */
export async function releaseAttachment({ attachment, limits }: ReleaseInput): Promise<Held[]> {
  const { hostId } = attachment.owner;
  const run = new Run(`release ${formatVolume(attachment.volume)}`, limits, hostId);
  const properties = nameOnly(hostId);
  run.undo.push(fenceStep(run, attachment, properties, true));
  run.undo.push(...undoSteps(run, attachment, properties));
  run.enter('detaching');
  await run.undo.unwind();
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  run.enter('done');
  return run.held;
}
