import { randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { showFleet, startFleet } from '../../client/temporal/fleet.ts';
import type { PlannedVolume } from '../../contract/fleet.ts';
import { packVolumes } from '../../contract/fleet-volumes.ts';
import { rawFile, type Stage } from '../stage.ts';
import { median, rounded } from '../statistics.ts';
import { cpuSeconds } from './cpu.ts';
import { type Memory, watchMemory } from './memory.ts';

const BYTES = 2 ** 20;
export const AT_ONCE = 16;

/** What one fleet came to. */
export type FleetRun = {
  volumes: number;
  done: number;
  seconds: number;
  secondsPerVolume: number;
  /** Of the worker with its copiers; what else the machine does plays no part in it. */
  cpuSecondsPerVolume: number;
  /** Events in the history of each run of the fleet's own workflow. */
  parentEvents: number[];
  /** Of one copy, the median over the first hundred: events, and bytes of history. */
  copyEvents: number;
  copyHistoryBytes: number;
  /** Of the worker. */
  memory: Memory;
};

/** Sources with random bytes, destinations with others. */
async function plant(stage: Stage, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await writeFile(rawFile(stage, 'file', `${id}-from`), randomBytes(BYTES));
    await writeFile(rawFile(stage, 'file', `${id}-to`), Buffer.alloc(BYTES, 0x5a));
  }
}

async function historyOf({ client }: Stage, ids: readonly string[]) {
  const copies = await Promise.all(
    ids.map((id) => client.workflow.getHandle(`copy/file:${id}-from`).describe()),
  );
  return {
    copyEvents: median(copies.map(({ historyLength }) => historyLength)),
    copyHistoryBytes: median(copies.map(({ historySize }) => historySize ?? NaN)),
  };
}

async function parentEvents({ client }: Stage, workflowId: string): Promise<number[]> {
  const events: number[] = [];
  for await (const { runId } of client.workflow.list({ query: `WorkflowId = "${workflowId}"` })) {
    const run = await client.workflow.getHandle(workflowId, runId).describe();
    events.unshift(run.historyLength);
  }
  return events;
}

/** Nobody decides here: a fleet that waits for a person is an error. */
async function untilOver({ client }: Stage, name: string) {
  for (;;) {
    const { view, status } = await showFleet(client, name);
    if (status?.phase === 'done' && view.endedAt !== undefined) {
      return { status, endedAt: view.endedAt };
    }
    const because = status?.state.stopped?.because;
    if (because !== undefined) throw new Error(`${because}: ${JSON.stringify(status?.failed)}`);
    await sleep(2_000);
  }
}

/** Carries out a fleet of so many volumes of 1 MiB, AT_ONCE at a time. */
export async function measureFleet(stage: Stage, count: number): Promise<FleetRun> {
  const { client, config } = stage;
  const name = `bench-${count}`;
  const ids = Array.from({ length: count }, (_, i) => `${name}-${i}`);
  await plant(stage, ids);
  const volumes = ids.map((id): PlannedVolume => ({
    ...{ source: `file:${id}-from`, destination: `file:${id}-to`, host: config.host },
    ...{ wave: 1, priority: 3, sizeBytes: BYTES },
  }));
  const order = {
    ...{ id: randomUUID(), name, madeAt: new Date().toISOString(), options: {} },
    ...{ limits: { total: AT_ONCE }, stop: { failures: 1 }, windows: [], timeZone: 'UTC' },
  };
  const memory = watchMemory(stage.worker.pid);
  const { pid } = stage.worker;
  const cpuBefore = await cpuSeconds(pid);
  const { workflowId } = await startFleet(client, {
    order,
    volumes: packVolumes(volumes),
    timeLimits: config.limits,
  });
  const { status, endedAt } = await untilOver(stage, name);
  const seconds = (Date.parse(endedAt) - Date.parse(status.state.startedAt)) / 1000;
  const cpu = (await cpuSeconds(pid)) - cpuBefore;
  return {
    volumes: count,
    done: status.counts.done,
    seconds: rounded(seconds, 1),
    secondsPerVolume: rounded(seconds / count, 3),
    cpuSecondsPerVolume: rounded(cpu / count, 3),
    parentEvents: await parentEvents(stage, workflowId),
    ...(await historyOf(stage, ids.slice(0, 100))),
    memory: memory(),
  };
}
