import { allHandlersFinished, CancellationScope, condition } from '@temporalio/workflow';
import { type Attachment, nameOnly, type Owner } from '../contract/attachment.ts';
import type { Held } from '../contract/copy.ts';
import type { TimeLimits } from '../contract/limits.ts';
import { formatVolume } from '../contract/volume.ts';
import { fenceStep, undoSteps } from './attachment.ts';
import { failureOf, faultOf } from './faults.ts';
import { ANYWHERE } from './places.ts';
import { Run } from './run.ts';

export type ReleaseInput = { attachment: Attachment; limits: TimeLimits };

/**
 * A reset may bring the owner back, which has the last word then: once it was seen at work, nothing
 * more is taken back, even if it ends soon after.
 */
function whyStop(limits: TimeLimits, { workflowId, firstRunId }: Owner): Run['whyStop'] & object {
  const temporal = ANYWHERE.bind(limits, 'does its workflow run again?');
  let isBack = false;
  return async () => {
    try {
      isBack ||= await temporal.isAtWork({ workflowId, firstRunId });
    } catch (error) {
      throw failureOf(faultOf(error, 'isAtWork', ANYWHERE.queue));
    }
    return isBack ? `${workflowId} is at work again` : undefined;
  };
}

/**
 * Takes back what an ended workflow still holds, by the same undo stack and on the same queues.
 * It starts from a claim or a reservation; whatever of the attachment never happened is passed.
 */
export async function releaseAttachment({ attachment, limits }: ReleaseInput): Promise<Held[]> {
  const { owner } = attachment;
  const { hostId } = owner;
  const run = new Run(`release ${formatVolume(attachment.volume)}`, limits, hostId);
  const properties = nameOnly(hostId);
  run.attachments = [attachment];
  run.whyStop = whyStop(limits, owner);
  run.undo.push(fenceStep(run, attachment, properties, true));
  run.undo.push(...undoSteps(run, attachment, properties));
  run.enter('detaching');
  await run.undo.unwind();
  await run.announcer.ended('done');
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  run.enter('done');
  return run.held;
}
