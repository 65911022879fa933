import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { createFleetActivities } from '../../../activities/fleet.ts';
import { showFleet, startFleet, tellFleet } from '../../../client/temporal/fleet.ts';
import {
  type FleetAnswer,
  type FleetInput,
  type FleetOrder,
  type FleetStatus,
  type FleetUpdate,
  type PlannedVolume,
} from '../../../contract/fleet.ts';
import { packVolumes } from '../../../contract/fleet-volumes.ts';
import { fleetWorkflowId } from '../../../contract/ids.ts';
import { DEFAULT_LIMITS } from '../../../contract/limits.ts';
import { WORKFLOW_QUEUE } from '../../../contract/queues.ts';
import { until } from '../../rig/poll.ts';
import { startTemporal, type TestTemporal } from '../../rig/temporal.ts';

/** From one backend to another one of the same ids. */
export function volumes(
  ids: readonly string[],
  more: Partial<PlannedVolume> = {},
): PlannedVolume[] {
  return ids.map((id) => ({
    ...{ source: `a:${id}`, destination: `b:${id}`, host: 'h1' },
    ...{ wave: 1, priority: 3, sizeBytes: 2 ** 20, ...more },
  }));
}

let made = 0;
/** Names that no other test of the file has. */
export const named = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, () => `${prefix}-${(made += 1)}`);

/** `count` volumes that are soon done. */
export const plain = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `v${String(i).padStart(4, '0')}`);

/** A fleet of its own name; what is left out of the order does not matter. */
export function inputOf(planned: PlannedVolume[], order: Partial<FleetOrder> = {}): FleetInput {
  return {
    order: {
      id: randomUUID(),
      name: `f-${randomUUID()}`,
      madeAt: new Date().toISOString(),
      options: {},
      limits: { total: 4 },
      stop: { failures: 10 },
      windows: [],
      timeZone: 'UTC',
      ...order,
    },
    volumes: packVolumes(planned),
    timeLimits: DEFAULT_LIMITS,
  };
}

/** A dev server with a worker for real fleets of copies without steps. */
export class FleetRig {
  #worker: Worker | undefined;
  #running: Promise<void> | undefined;

  private constructor(
    readonly temporal: TestTemporal,
    readonly client: Client,
    private readonly native: NativeConnection,
    private readonly workflowBundle: { code: string },
  ) {}

  static async start(): Promise<FleetRig> {
    const temporal = await startTemporal();
    const { address } = temporal;
    const rig = new FleetRig(
      temporal,
      new Client({ connection: await Connection.connect({ address }) }),
      await NativeConnection.connect({ address }),
      await bundleWorkflowCode({
        workflowsPath: fileURLToPath(new URL('./fake-workflows.ts', import.meta.url)),
        logger: new DefaultLogger('ERROR'),
      }),
    );
    await rig.startWorker();
    return rig;
  }

  async startWorker(): Promise<void> {
    this.#worker = await Worker.create({
      connection: this.native,
      taskQueue: WORKFLOW_QUEUE,
      workflowBundle: this.workflowBundle,
      activities: createFleetActivities(this.client),
      maxHeartbeatThrottleInterval: '200ms',
      stickyQueueScheduleToStartTimeout: '1 second',
    });
    this.#running = this.#worker.run();
  }

  async stopWorker(): Promise<void> {
    this.#worker?.shutdown();
    await this.#running;
  }

  async stop(): Promise<void> {
    await this.stopWorker();
    await this.native.close();
    await this.client.connection.close();
    await this.temporal.stop();
  }

  async fleet(planned: PlannedVolume[], order: Partial<FleetOrder> = {}): Promise<FleetUnderTest> {
    const fleet = new FleetUnderTest(this, inputOf(planned, order));
    await fleet.start();
    return fleet;
  }

  /** Tells a copy to go on, as soon as there is one: its fleet counts it a moment earlier. */
  async goOn(id: string): Promise<void> {
    const copy = this.client.workflow.getHandle(`copy/a:${id}`);
    await until(`a copy of ${id}`, async () => {
      try {
        await copy.signal('goOn');
        return true;
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        return false;
      }
    });
  }

  /** How often a volume was copied, whoever began it. */
  async runsOf(id: string): Promise<number> {
    // A list lags behind what has just happened; the history of the last run has all before it.
    const { count } = await this.client.workflow.count(`WorkflowId = "copy/a:${id}"`);
    return count;
  }
}

export class FleetUnderTest {
  constructor(
    readonly rig: FleetRig,
    readonly input: FleetInput,
  ) {}

  get name(): string {
    return this.input.order.name;
  }

  get handle() {
    return this.rig.client.workflow.getHandle(fleetWorkflowId(this.name));
  }

  start(): Promise<{ already: boolean }> {
    return startFleet(this.rig.client, this.input);
  }

  async status(): Promise<FleetStatus> {
    return until('an answer', async () => (await showFleet(this.rig.client, this.name)).status);
  }

  tell(change: FleetUpdate, request: object = {}): Promise<FleetAnswer> {
    return tellFleet(this.rig.client, this.name, change, request);
  }

  /** Until it is as asked for. */
  async until(what: string, is: (status: FleetStatus) => boolean): Promise<FleetStatus> {
    let last: FleetStatus | undefined;
    try {
      return await until(what, async () => is((last = await this.status())) && last, {
        everyMs: 100,
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${JSON.stringify(last)}`, { cause: error });
    }
  }

  async result(): Promise<FleetStatus> {
    return (await this.handle.result()) as FleetStatus;
  }
}
