import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { CopyInput } from '../../contract/copy.ts';
import { DrayError } from '../../contract/errors.ts';
import { copyWorkflowId } from '../../contract/ids.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { searchAttributes } from '../../contract/search-attributes.ts';
import { formatVolume } from '../../contract/volume.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import type { Config } from '../../system/config/schema.ts';
import { assertKnown } from './preconditions.ts';

/**
 * Starts the copy. One source volume has one open copy, kept so by Temporal.
 * @throws CopyRunning, UnknownBackend, UnknownHost
 */
export async function startCopy(
  client: Client,
  config: Config,
  input: CopyInput,
): Promise<{ workflowId: string; runId: string }> {
  await assertKnown(client, config, [input.source, input.destination], input.host);
  const [source, destination] = [formatVolume(input.source), formatVolume(input.destination)];
  const workflowId = copyWorkflowId(input.source);
  try {
    const handle = await client.workflow.start(WORKFLOWS.copyVolume, {
      workflowId,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `${source} → ${destination} on ${input.host}`,
      staticDetails: [
        `Copies volume \`${source}\` onto \`${destination}\`, attached on host \`${input.host}\`.`,
        `Options: \`${JSON.stringify(input.options)}\``,
        'Cancel it to roll back; do not terminate it.',
      ].join('\n\n'),
      typedSearchAttributes: [
        { key: searchAttributes.phase, value: 'preparing' },
        { key: searchAttributes.host, value: input.host },
        { key: searchAttributes.source, value: source },
        { key: searchAttributes.destination, value: destination },
        { key: searchAttributes.needsDecision, value: false },
      ],
    });
    return { workflowId, runId: handle.firstExecutionRunId };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new DrayError('CopyRunning', { volume: source, workflowId }, { cause: error });
  }
}
