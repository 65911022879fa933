import { setTimeout as sleep } from 'node:timers/promises';
import { backendQueue, copyQueue, hostQueue, WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { formatVolume } from '../../contract/volume.ts';
import { renderBytes } from '../render/quantities.ts';
import { manageVolume } from '../temporal/manage-volume.ts';
import { isServed } from '../temporal/pollers.ts';
import { withClient } from '../temporal/with-client.ts';
import { endedEarly, type Member } from './crew.ts';
import { fillWithRunsAndHoles } from './source-data.ts';
import { rawFile, type Stage } from './stage.ts';
import type { Voice } from './voice.ts';

/** Until each queue has somebody who asks it for work. @throws ToolFailed when the worker ends */
export async function untilServed(stage: Stage, worker: Member): Promise<void> {
  const { host } = stage.config;
  const steps = [hostQueue(host), copyQueue(host), backendQueue(stage.storage)];
  await withClient(stage.config, async (client) => {
    for (;;) {
      const served = await Promise.all([
        isServed(client, WORKFLOW_QUEUE, 'workflow'),
        ...steps.map((queue) => isServed(client, queue, 'activity')),
      ]);
      if (!served.includes(false)) return;
      if (worker.hasEnded()) throw await endedEarly(worker);
      await sleep(200);
    }
  });
}

/** A source with data and holes and an empty destination, both made by the backend itself. */
export async function makeVolumes(stage: Stage, sizeBytes: number, voice: Voice): Promise<void> {
  const { config, source, destination } = stage;
  await manageVolume(config, { verb: 'create', volume: source, sizeBytes });
  const { bytes, runs } = await fillWithRunsAndHoles(rawFile(stage, source), sizeBytes);
  await manageVolume(config, { verb: 'create', volume: destination, sizeBytes });
  const amount = `${renderBytes(sizeBytes)}, of it ${renderBytes(bytes)} random data`;
  voice.say('source', `${formatVolume(source)}: ${amount} in ${runs} runs with holes between them`);
}
