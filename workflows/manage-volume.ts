import { proxyActivities } from '@temporalio/workflow';
import type { BackendActivities } from '../activities/backend.ts';
import { describeError } from '../contract/errors.ts';
import { backendQueue } from '../contract/queues.ts';
import { formatVolume } from '../contract/volume.ts';
import type { VolumeCommand, VolumeCommandResult } from '../contract/workflows.ts';
import { failureOf, faultOf } from './faults.ts';

async function perform(command: VolumeCommand): Promise<VolumeCommandResult> {
  const backend = command.verb === 'list' ? command.backend : command.volume.backend;
  const about = command.verb === 'list' ? command.backend : formatVolume(command.volume);
  const activities = proxyActivities<BackendActivities>({
    taskQueue: backendQueue(backend),
    summary: `${command.verb} ${about}`,
    startToCloseTimeout: '5 minutes',
    scheduleToStartTimeout: '30 seconds',
    heartbeatTimeout: '15 seconds',
    // Somebody waits at a terminal: a few attempts, then an answer. A lost answer to `create` is
    // told as such: a repeat could not tell this volume from another one of that name.
    retry: { initialInterval: '1 second', maximumAttempts: command.verb === 'create' ? 1 : 4 },
  });
  switch (command.verb) {
    case 'create':
      return [await activities.createVolume(command)];
    case 'show':
      return [await activities.describeVolume(command.volume)];
    case 'list':
      return activities.listVolumes();
    case 'delete':
      if ((await activities.deleteVolume(command.volume)) === 'alreadyGone') {
        throw failureOf(describeError('VolumeNotFound', { volume: about, backend }));
      }
      return [];
  }
}

/** One act on a backend, done where that backend can be driven. */
export async function manageVolume(command: VolumeCommand): Promise<VolumeCommandResult> {
  try {
    return await perform(command);
  } catch (error) {
    const queue = command.verb === 'list' ? command.backend : command.volume.backend;
    const fault = faultOf(error, command.verb, backendQueue(queue));
    throw fault.code === 'Cancelled' ? error : failureOf(fault);
  }
}
