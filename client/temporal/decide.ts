import type { Client } from '@temporalio/client';
import { DrayError } from '../../contract/errors.ts';
import { DECIDE_UPDATE, type Decision, type ParkedStep } from '../../contract/messages.ts';
import { update } from './update.ts';

/** Answers what was decided about. @throws WorkflowNotFound, DecisionRefused, NoWorker */
export async function decide(
  client: Client,
  workflowId: string,
  decision: Decision,
): Promise<ParkedStep> {
  const { decision: word, step } = decision;
  return update(client, workflowId, DECIDE_UPDATE, decision, (because, cause) => {
    return new DrayError('DecisionRefused', { decision: word, step, because }, { cause });
  });
}
