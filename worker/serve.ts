import { Worker, type WorkerOptions } from '@temporalio/worker';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createFleetActivities } from '../activities/fleet.ts';
import { createHookActivities } from '../activities/hooks.ts';
import { stepInterceptor } from '../activities/interceptor.ts';
import { createLeaksActivities, type LeaksContext } from '../activities/leaks.ts';
import { WORKFLOW_QUEUE } from '../contract/queues.ts';
import type { Hook } from '../system/config/hooks.ts';
import type { HostState } from '../system/host-state.ts';
import type { WorkerContext } from './duty.ts';

/** Cancel and progress reach and leave a step within this time. */
const HEARTBEAT_THROTTLE = '2 seconds';
/** A workflow whose worker was killed is offered to another one after this, not the SDK's 10 s. */
const STICKY_TIMEOUT = '2 seconds';
/** A stopping worker waits this long for its steps to hand themselves back. */
const SHUTDOWN_FORCE = '60 seconds';
/** Attach and detach of many copies side by side; none of them waits behind another. */
const CONTROL_SLOTS = 40;

/** The installed package carries the bundle; a checkout bundles at every start. */
export function workflowSource(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const built = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
  if (existsSync(built)) return { workflowBundle: { codePath: built } };
  return { workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)) };
}

function optionsOf({ connection, client }: WorkerContext, { hostId, epoch }: HostState) {
  return {
    connection,
    namespace: client.options.namespace,
    identity: `${hostId}#${epoch.number}`,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    shutdownForceTime: SHUTDOWN_FORCE,
    interceptors: { activity: [(context) => ({ inbound: stepInterceptor(context, epoch) })] },
  } satisfies Partial<WorkerOptions>;
}

/** Each queue has slots of its own, so that a detach never waits for a copy. */
export function serveSteps(
  context: WorkerContext,
  state: HostState,
  taskQueue: string,
  activities: object,
  slots = CONTROL_SLOTS,
): Promise<Worker> {
  const maxConcurrentActivityTaskExecutions = slots;
  return Worker.create({
    ...optionsOf(context, state),
    taskQueue,
    activities,
    maxConcurrentActivityTaskExecutions,
  });
}

export function serveWorkflows(
  context: WorkerContext,
  state: HostState,
  dray: LeaksContext & { hooks: readonly Hook[] },
): Promise<Worker> {
  return Worker.create({
    ...optionsOf(context, state),
    ...workflowSource(),
    taskQueue: WORKFLOW_QUEUE,
    activities: {
      ...createLeaksActivities(dray),
      ...createHookActivities(dray.hooks),
      ...createFleetActivities(dray.client),
    },
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
  });
}

/**
 * Runs all of them until each has ended. A SIGTERM shuts all down, and so does the failure of one,
 * which is thrown once the others have handed back what they had.
 */
export async function runWorkers(workers: readonly Worker[]): Promise<void> {
  const endOthers = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const runs = workers.map(async (worker) => {
    try {
      await worker.run();
    } catch (error) {
      endOthers();
      throw error;
    }
  });
  const failed = (await Promise.allSettled(runs)).find((run) => run.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
