import type { Client } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { DrayError } from '../contract/errors.ts';
import { SERIES } from '../contract/metrics.ts';
import { searchAttributes } from '../contract/search-attributes.ts';
import { WORKFLOWS } from '../contract/workflows.ts';
import { reasonOf } from '../system/config/temporal.ts';
import type { Config } from '../system/config/schema.ts';
import type { Log } from '../system/log.ts';

/** How often lists are asked for what is open. Unit: milliseconds. */
const COUNT_MILLISECONDS = 15_000;

const { copyVolume, verifyVolumes, releaseAttachment } = WORKFLOWS;
const OPEN = `WorkflowType IN ("${copyVolume}", "${verifyVolumes}", "${releaseAttachment}") AND ExecutionStatus = "Running"`;

const QUERIES = {
  any: OPEN,
  needs_decision: `${OPEN} AND ${searchAttributes.needsDecision.name} = true`,
  stalled: `${OPEN} AND ${searchAttributes.phase.name} = "stalled"`,
};

/** Whether metrics can be served there, told before anything is touched. @throws MetricsUnavailable */
export async function assertServable({ listen }: Config['metrics']): Promise<void> {
  if (listen === undefined) return;
  const colon = listen.lastIndexOf(':');
  const host = listen.slice(0, colon).replace(/[[\]]/g, '');
  const server = createServer();
  try {
    const listening = once(server, 'listening');
    server.listen(Number(listen.slice(colon + 1)), host);
    await listening;
  } catch (error) {
    throw new DrayError('MetricsUnavailable', { listen, because: (error as Error).message });
  }
  await new Promise((resolve) => server.close(resolve));
}

/** A series that has counted nothing yet is there as well: what is missing cannot be watched. */
function showCounters(): void {
  const { metricMeter } = Runtime.instance();
  for (const [name, { kind, unit, help }] of Object.entries(SERIES)) {
    if (kind === 'counter') metricMeter.createCounter(name, unit, help).add(0);
  }
}

async function countOpenRuns(client: Client): Promise<void> {
  const { unit, help } = SERIES.drayage_open_runs;
  const gauge = Runtime.instance().metricMeter.createGauge('drayage_open_runs', 'int', unit, help);
  const { namespace } = client.options;
  for (const [state, query] of Object.entries(QUERIES)) {
    const { count } = await client.workflow.count(query);
    gauge.set(count, { state, namespace });
  }
}

/** Shows what no step and no workflow counts, until the answer is called. */
export function showMetrics(
  client: Client,
  { metrics }: Pick<Config, 'metrics'>,
  log: Pick<Log, 'warn'>,
): () => void {
  if (metrics.listen === undefined) return () => undefined;
  showCounters();
  const look = (): void => {
    countOpenRuns(client).catch((error: unknown) =>
      log.warn('open runs could not be counted', { because: reasonOf(error) }),
    );
  };
  look();
  const timer = setInterval(look, COUNT_MILLISECONDS);
  return () => clearInterval(timer);
}
