import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createBackendActivities } from '../activities/backend.ts';
import type { HostContext } from '../activities/context.ts';
import { createCopyActivities } from '../activities/copy.ts';
import { createHookActivities } from '../activities/hooks.ts';
import { createHostActivities } from '../activities/host.ts';
import { stepInterceptor } from '../activities/interceptor.ts';
import { createLeaksActivities, type LeaksContext } from '../activities/leaks.ts';
import { backendQueue, copyQueue, hostQueue, WORKFLOW_QUEUE } from '../contract/queues.ts';
import type { Backend } from '../storage/backend.ts';
import type { Hook } from '../system/config/hooks.ts';

/** Cancel and progress reach and leave a step within this time. */
const HEARTBEAT_THROTTLE = '2 seconds';
/** A workflow whose worker was killed is offered to another one after this, not the SDK's 10 s. */
const STICKY_TIMEOUT = '2 seconds';
/** A stopping worker waits this long for its steps to hand themselves back. */
const SHUTDOWN_FORCE = '60 seconds';
/** Attach and detach of many copies side by side; none of them waits behind another. */
const CONTROL_SLOTS = 40;

/** The installed package carries the bundle; a checkout bundles at every start. */
function workflowSource(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const built = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
  if (existsSync(built)) return { workflowBundle: { codePath: built } };
  return { workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)) };
}

/** One Worker a queue, so that each has slots of its own and a detach never waits for a copy. */
export async function createWorkers(
  connection: NativeConnection,
  namespace: string,
  host: HostContext,
  backends: Backend[],
  copySlots: number,
  dray: LeaksContext & { hooks: readonly Hook[] },
): Promise<Worker[]> {
  const { hostId, epoch, dirs } = host.state;
  const common = {
    connection,
    namespace,
    identity: `${hostId}#${epoch.number}`,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    shutdownForceTime: SHUTDOWN_FORCE,
    interceptors: { activity: [(context) => ({ inbound: stepInterceptor(context, epoch) })] },
  } satisfies Partial<WorkerOptions>;
  const steps = (taskQueue: string, activities: object, slots = CONTROL_SLOTS): Promise<Worker> =>
    Worker.create({ ...common, taskQueue, activities, maxConcurrentActivityTaskExecutions: slots });

  return Promise.all([
    Worker.create({
      ...common,
      ...workflowSource(),
      taskQueue: WORKFLOW_QUEUE,
      activities: { ...createLeaksActivities(dray), ...createHookActivities(dray.hooks) },
      stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
    }),
    steps(hostQueue(hostId), createHostActivities(host)),
    steps(copyQueue(hostId), createCopyActivities(host), copySlots),
    ...backends.map((backend) =>
      steps(
        backendQueue(backend.facts.name),
        createBackendActivities({ backend, keys: dirs.keys }),
      ),
    ),
  ]);
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
