import type { Client } from '@temporalio/client';
import type { CopyInput } from '../../contract/copy.ts';
import { copyAtStart } from '../../contract/copy-start.ts';
import { DrayError } from '../../contract/errors.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import type { Config } from '../../system/config/schema.ts';
import { assertKnown } from './preconditions.ts';
import { startRun } from './start-run.ts';

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
  const copy = copyAtStart(input);
  const { source: volume, workflowId } = copy;
  return startRun(
    client,
    { type: WORKFLOWS.copyVolume, input, ...copy },
    (cause) => new DrayError('CopyRunning', { volume, workflowId }, { cause }),
  );
}
