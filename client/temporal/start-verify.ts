import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { DrayError } from '../../contract/errors.ts';
import { verifyWorkflowId } from '../../contract/ids.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { searchAttributes } from '../../contract/search-attributes.ts';
import type { VerifyInput } from '../../contract/verify.ts';
import { formatVolume } from '../../contract/volume.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import type { Config } from '../../system/config/schema.ts';
import { assertKnown } from './preconditions.ts';

/**
 * Starts the comparison. One volume is compared with one other at a time.
 * @throws VerifyRunning, UnknownBackend, UnknownHost
 */
export async function startVerify(
  client: Client,
  config: Config,
  input: VerifyInput,
): Promise<{ workflowId: string; runId: string }> {
  const { host } = input;
  const sources = 'source' in input ? [input.source] : [];
  await assertKnown(client, config, [...sources, input.destination], host);
  const destination = formatVolume(input.destination);
  const [source] = sources.map(formatVolume);
  const against = source ?? 'a certificate';
  const workflowId = verifyWorkflowId(input.destination);
  try {
    const handle = await client.workflow.start(WORKFLOWS.verifyVolumes, {
      workflowId,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `verify ${destination} against ${against} on ${host}`,
      staticDetails: [
        `Compares \`${destination}\` with \`${against}\`, attached read-only on host \`${host}\`.`,
        'Cancel it to detach what is attached; do not terminate it.',
      ].join('\n\n'),
      typedSearchAttributes: [
        { key: searchAttributes.phase, value: 'preparing' },
        { key: searchAttributes.host, value: host },
        ...(source === undefined ? [] : [{ key: searchAttributes.source, value: source }]),
        { key: searchAttributes.destination, value: destination },
        { key: searchAttributes.needsDecision, value: false },
      ],
    });
    return { workflowId, runId: handle.firstExecutionRunId };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new DrayError('VerifyRunning', { volume: destination, workflowId }, { cause: error });
  }
}
