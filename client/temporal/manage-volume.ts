import { randomUUID } from 'node:crypto';
import { DrayError } from '../../contract/errors.ts';
import { WORKFLOW_QUEUE, backendQueue } from '../../contract/queues.ts';
import { formatVolume, type Volume } from '../../contract/volume.ts';
import {
  type VolumeCommand,
  type VolumeCommandResult,
  WORKFLOWS,
} from '../../contract/workflows.ts';
import type { Config } from '../../system/config/schema.ts';
import { assertKnownBackend } from './preconditions.ts';
import { isServed } from './pollers.ts';
import { withClient } from './with-client.ts';

/**
 * Has the backend's worker do one act. Somebody waits for the answer, so a queue that nobody
 * serves is an answer.
 * @throws UnknownBackend, NoWorker, TemporalUnreachable and what the backend reports
 */
export async function manageVolume(config: Config, command: VolumeCommand): Promise<Volume[]> {
  const backend = command.verb === 'list' ? command.backend : command.volume.backend;
  const about = command.verb === 'list' ? command.backend : formatVolume(command.volume);
  return withClient(config, async (client) => {
    if (!(await assertKnownBackend(client, config, backend))) {
      throw new DrayError('NoWorker', { queue: backendQueue(backend) });
    }
    if (!(await isServed(client, WORKFLOW_QUEUE, 'workflow'))) {
      throw new DrayError('NoWorker', { queue: WORKFLOW_QUEUE });
    }
    const result: unknown = await client.workflow.execute(WORKFLOWS.manageVolume, {
      workflowId: `volume/${command.verb}/${about}/${randomUUID()}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [command],
      staticSummary: `${command.verb} ${about}`,
    });
    return result as VolumeCommandResult;
  });
}
