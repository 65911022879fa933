import type { Client } from '@temporalio/client';
import type { ControlAnswer, ControlRequest } from '../../contract/control.ts';
import { DrayError } from '../../contract/errors.ts';
import { update } from './update.ts';

/** Sends one of the Updates of contract/control. @throws WorkflowNotFound, ControlRefused, NoWorker */
export async function control(
  client: Client,
  workflowId: string,
  change: string,
  request: ControlRequest,
): Promise<ControlAnswer> {
  return update(client, workflowId, change, request, (because, cause) => {
    return new DrayError('ControlRefused', { change, because }, { cause });
  });
}
