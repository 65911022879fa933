import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  type ChildWorkflowHandle,
  ChildWorkflowFailure,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  startChild,
  TerminatedFailure,
  type Workflow,
} from '@temporalio/workflow';
import type { CopyInput } from '../../contract/copy.ts';
import { attributesAtStart, copyAtStart } from '../../contract/copy-start.ts';
import { describeError } from '../../contract/errors.ts';
import type { CopyOutcome, FleetInput, PlannedVolume } from '../../contract/fleet.ts';
import { searchAttributes } from '../../contract/search-attributes.ts';
import { parseVolume, type VolumeRef } from '../../contract/volume.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { faultOf } from '../faults.ts';

const volumeOf = (text: string): VolumeRef => parseVolume(text) as VolumeRef;

/** How a copy ended, as its parent is told. */
export function outcomeOf(error: unknown): CopyOutcome {
  if (isCancellation(error)) return { state: 'cancelled' };
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  const { code, message } =
    cause instanceof TerminatedFailure
      ? describeError('Terminated', {})
      : faultOf(cause, WORKFLOWS.copyVolume, '');
  return { state: 'failed', code, message };
}

/**
 * Starts the copy of a volume, which outlives its fleet whatever becomes of that: only its own way
 * out takes back what it attached. Undefined where a copy of that volume is open.
 */
export async function startCopy(
  { order, timeLimits }: FleetInput,
  volume: PlannedVolume,
): Promise<ChildWorkflowHandle<Workflow> | undefined> {
  const input: CopyInput = {
    source: volumeOf(volume.source),
    destination: volumeOf(volume.destination),
    host: volume.host,
    options: order.options,
    limits: timeLimits,
  };
  const { workflowId, summary, details } = copyAtStart(input);
  const { tenant } = volume;
  try {
    return await startChild(WORKFLOWS.copyVolume, {
      ...{ workflowId, args: [input] },
      parentClosePolicy: 'ABANDON',
      cancellationType: 'ABANDON',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      priority: { priorityKey: volume.priority },
      staticSummary: summary,
      staticDetails: [...details, `Part of fleet \`${order.name}\`.`].join('\n\n'),
      typedSearchAttributes: [
        ...attributesAtStart(volume),
        { key: searchAttributes.fleet, value: order.name },
        ...(tenant === undefined ? [] : [{ key: searchAttributes.tenant, value: tenant }]),
      ],
      memo: { fleetPlan: order.id },
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/** Asks a copy to take everything back; one that has just ended needs nothing. */
export async function cancelCopy(workflowId: string): Promise<void> {
  try {
    await getExternalWorkflowHandle(workflowId).cancel();
  } catch (error) {
    log.info('a copy could not be cancelled', { workflowId, error });
  }
}
