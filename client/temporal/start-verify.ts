import type { Client } from '@temporalio/client';
import { DrayError } from '../../contract/errors.ts';
import { verifyWorkflowId } from '../../contract/ids.ts';
import type { VerifyInput } from '../../contract/verify.ts';
import { formatVolume } from '../../contract/volume.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import type { Config } from '../../system/config/schema.ts';
import { assertKnown } from './preconditions.ts';
import { startRun } from './start-run.ts';

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
  await assertKnown(client, config, [...sources, input.destination], [host]);
  const destination = formatVolume(input.destination);
  const [source] = sources.map(formatVolume);
  const against = source ?? 'a certificate';
  const workflowId = verifyWorkflowId(input.destination);
  const run = {
    type: WORKFLOWS.verifyVolumes,
    ...{ workflowId, input, destination },
    ...(source === undefined ? {} : { source }),
    summary: `verify ${destination} against ${against} on ${host}`,
    details: [
      `Compares \`${destination}\` with \`${against}\`, attached read-only on host \`${host}\`.`,
      'Cancel it to detach what is attached; do not terminate it.',
    ],
  };
  return startRun(
    client,
    run,
    (cause) => new DrayError('VerifyRunning', { volume: destination, workflowId }, { cause }),
  );
}
