import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { encodeSearchAttributeIndexedValueType } from '@temporalio/common/lib/search-attributes.js';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Attachment } from '../../contract/attachment.ts';
import type { CopyInput, CopyReport, Held } from '../../contract/copy.ts';
import type { FindLeaksInput, Leaks } from '../../contract/leaks.ts';
import type { Against, VerifyInput, VerifyReport } from '../../contract/verify.ts';
import type { TimeLimits } from '../../contract/limits.ts';
import {
  DECIDE_UPDATE,
  type CopyStatus,
  type Decision,
  STATUS_QUERY,
} from '../../contract/messages.ts';
import { backendQueue, copyQueue, hostQueue, WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { searchAttributes } from '../../contract/search-attributes.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { locateTimeSkippingServer } from '../rig/temporal.ts';
import { DESTINATION, FakeWorld, SOURCE } from './fake-world.ts';

export const LIMITS: TimeLimits = {
  heartbeatSeconds: 60,
  stepSeconds: 120,
  scheduleToStartSeconds: 30,
  patienceSeconds: 3,
  retryInitialSeconds: 1,
  retryMaximumSeconds: 1,
};

export const INPUT: CopyInput = {
  source: SOURCE,
  destination: DESTINATION,
  host: 'h1',
  options: {},
  limits: LIMITS,
};

export type WorkflowRig = {
  env: TestWorkflowEnvironment;
  /** The world that a workflow's steps act on. */
  worlds: Map<string, FakeWorld>;
};

type Part = 'backend' | 'host' | 'copy' | 'dray';

/** Activities that find the world of the workflow that calls them. */
function inWorldOf(
  worlds: Map<string, FakeWorld>,
  part: Part,
): Record<string, (input: unknown) => unknown> {
  return Object.fromEntries(
    Object.keys(new FakeWorld()[part]).map((verb) => [
      verb,
      (input: unknown) => {
        const { workflowId } = Context.current().info.workflowExecution!;
        const owner = workflowId.replace(/^notify\/(.+)\/.*$/, '$1');
        const activities = worlds.get(owner)![part] as Record<string, (i: unknown) => unknown>;
        return activities[verb]!(input);
      },
    ]),
  );
}

/** The SDK gives a server 5 s to start, which a busy machine does not always keep to. */
async function createPatiently(path: string, tries = 3): Promise<TestWorkflowEnvironment> {
  const server = { executable: { type: 'existing-path', path } } as const;
  try {
    return await TestWorkflowEnvironment.createTimeSkipping({ server });
  } catch (error) {
    if (tries === 1) throw error;
    return createPatiently(path, tries - 1);
  }
}

async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const path = await locateTimeSkippingServer();
  const env = await createPatiently(path);
  await env.connection.operatorService.addSearchAttributes({
    namespace: env.namespace ?? 'default',
    searchAttributes: Object.fromEntries(
      Object.values(searchAttributes).map(({ name, type }) => [
        name,
        encodeSearchAttributeIndexedValueType(type)!,
      ]),
    ),
  });
  return env;
}

export type Workers = { stop: () => Promise<void> };

/** Workers over the worlds: one for workflows, the others for the steps of hosts h1 and h2. */
export async function startWorkers(
  env: TestWorkflowEnvironment,
  worlds: Map<string, FakeWorld>,
): Promise<Workers> {
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  });
  const common = { connection: env.nativeConnection, maxHeartbeatThrottleInterval: '100ms' };
  const steps = (taskQueue: string, part: Part): Promise<Worker> =>
    Worker.create({ ...common, taskQueue, activities: inWorldOf(worlds, part) });
  const workers = await Promise.all([
    Worker.create({
      ...common,
      ...{ taskQueue: WORKFLOW_QUEUE, workflowBundle, activities: inWorldOf(worlds, 'dray') },
    }),
    steps(backendQueue(SOURCE.backend), 'backend'),
    steps(backendQueue(DESTINATION.backend), 'backend'),
    ...['h1', 'h2'].flatMap((host) => [
      steps(hostQueue(host), 'host'),
      steps(copyQueue(host), 'copy'),
    ]),
  ]);
  const runs = Promise.all(workers.map((worker) => worker.run()));
  return {
    stop: async () => {
      for (const worker of workers) worker.shutdown();
      await runs;
    },
  };
}

/** A time-skipping server with workers over fake worlds; one for each test file. */
export async function startWorkflowRig(): Promise<WorkflowRig & { stop: () => Promise<void> }> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const env = await startTimeSkipping();
  const worlds = new Map<string, FakeWorld>();
  const workers = await startWorkers(env, worlds);
  return {
    env,
    worlds,
    stop: async () => {
      await workers.stop();
      await env.teardown();
    },
  };
}

export type RunUnderTest<R> = {
  handle: WorkflowHandle;
  result: () => Promise<R>;
  status: () => Promise<CopyStatus>;
  /** Waits until the step is parked. */
  parked: (step: string) => Promise<CopyStatus['parked'][number]>;
  decide: (decision: Omit<Decision, 'reason'> & { reason?: string }) => Promise<unknown>;
};

export type CopyUnderTest = RunUnderTest<CopyReport>;

export async function startCopy(
  rig: WorkflowRig,
  world: FakeWorld,
  input: Partial<CopyInput> = {},
): Promise<CopyUnderTest> {
  return startRun(rig, world, WORKFLOWS.copyVolume, { ...INPUT, ...input });
}

export async function startVerify(
  rig: WorkflowRig,
  world: FakeWorld,
  input: Partial<Pick<VerifyInput, 'destination'>> | Against = {},
): Promise<RunUnderTest<VerifyReport>> {
  const { source, destination, host, limits } = INPUT;
  const against = 'certificate' in input ? {} : { source };
  const given = { ...against, destination, host, limits, ...input } as VerifyInput;
  return startRun(rig, world, WORKFLOWS.verifyVolumes, given);
}

export async function startRelease(
  rig: WorkflowRig,
  world: FakeWorld,
  attachment: Attachment,
): Promise<RunUnderTest<Held[]>> {
  return startRun(rig, world, WORKFLOWS.releaseAttachment, { attachment, limits: LIMITS });
}

export async function findLeaks(
  rig: WorkflowRig,
  world: FakeWorld,
  input: FindLeaksInput,
): Promise<Leaks> {
  return (await startRun<Leaks>(rig, world, WORKFLOWS.findLeaks, input)).result();
}

const PREFIXES: Record<string, string> = {
  [WORKFLOWS.copyVolume]: 'copy',
  [WORKFLOWS.verifyVolumes]: 'verify',
  [WORKFLOWS.releaseAttachment]: 'release',
  [WORKFLOWS.findLeaks]: 'leaks',
};

async function startRun<R>(
  rig: WorkflowRig,
  world: FakeWorld,
  type: string,
  input: object,
): Promise<RunUnderTest<R>> {
  const workflowId = `${PREFIXES[type]}/${randomUUID()}`;
  rig.worlds.set(workflowId, world);
  const handle = await rig.env.client.workflow.start(type, {
    workflowId,
    taskQueue: WORKFLOW_QUEUE,
    args: [input],
  });
  const status = (): Promise<CopyStatus> => handle.query<CopyStatus>(STATUS_QUERY);
  const decide: RunUnderTest<R>['decide'] = (decision) =>
    handle.executeUpdate(DECIDE_UPDATE, { args: [{ reason: 'test', ...decision }] });
  return {
    handle,
    result: () => handle.result() as Promise<R>,
    status,
    decide,
    parked: async (step) => {
      for (let tries = 0; tries < 200; tries += 1) {
        const found = (await status()).parked.find((parked) => parked.step === step);
        if (found !== undefined) return found;
        await rig.env.sleep('1 second');
      }
      throw new Error(`${step} was not parked: ${JSON.stringify(await status())}`);
    },
  };
}
