import type { Client } from '@temporalio/client';
import type { CopyInput, CopyOptions } from '../../contract/copy.ts';
import { DrayError } from '../../contract/errors.ts';
import { copyWorkflowId } from '../../contract/ids.ts';
import { formatVolume } from '../../contract/volume.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import type { Config } from '../../system/config/schema.ts';
import { assertKnown } from './preconditions.ts';
import { startRun } from './start-run.ts';

function renderOptions(options: CopyOptions): string {
  const named = Object.entries(options).map(
    ([name, value]) => `${name} \`${JSON.stringify(value)}\``,
  );
  return named.join(', ') || 'the defaults';
}

/**
 * Starts the copy. One source volume has one open copy, kept so by Temporal.
 * @throws CopyRunning, UnknownBackend, UnknownHost
 */
export async function startCopy(
  client: Client,
  config: Config,
  input: CopyInput,
): Promise<{ workflowId: string; runId: string }> {
  const { host, standby = [] } = input;
  await assertKnown(client, config, [input.source, input.destination], [host, ...standby]);
  const [source, destination] = [formatVolume(input.source), formatVolume(input.destination)];
  const workflowId = copyWorkflowId(input.source);
  const run = {
    type: WORKFLOWS.copyVolume,
    ...{ workflowId, input, source, destination },
    summary: `${source} → ${destination} on ${input.host}`,
    details: [
      `Copies volume \`${source}\` onto \`${destination}\`, attached on host \`${input.host}\`.`,
      `Options: ${renderOptions(input.options)}.`,
      ...standby.map((other) => `If it is lost, host \`${other}\` goes on.`),
      'Cancel it to roll back; do not terminate it.',
    ],
  };
  return startRun(
    client,
    run,
    (cause) => new DrayError('CopyRunning', { volume: source, workflowId }, { cause }),
  );
}
