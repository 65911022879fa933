import { startCopy } from '../client/temporal/start-copy.ts';
import { makeVolumes } from './data-path.ts';
import type { Storage } from './options.ts';
import type { Stage } from './stage.ts';

const BYTES = 2 ** 20;

/** Seconds from start to end of copies of 1 MiB, one after the other, in Temporal's own times. */
export async function measureControlPlane(
  stage: Stage,
  storage: Storage,
  copies: number,
): Promise<number[]> {
  const { client, config } = stage;
  const [source, destination] = [
    { backend: storage, id: 'small-source' },
    { backend: storage, id: 'small-destination' },
  ];
  await makeVolumes(stage, storage, [source.id, destination.id], BYTES);
  const input = { source, destination, host: config.host, options: {}, limits: config.limits };
  const seconds: number[] = [];
  for (let copy = 0; copy < copies; copy += 1) {
    const { workflowId, runId } = await startCopy(client, config, input);
    const handle = client.workflow.getHandle(workflowId, runId);
    await handle.result();
    const { startTime, closeTime } = await handle.describe();
    seconds.push(((closeTime?.getTime() ?? NaN) - startTime.getTime()) / 1000);
  }
  return seconds;
}
