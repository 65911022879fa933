import type { Client } from '@temporalio/client';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DrayError } from '../contract/errors.ts';
import { WORKFLOW_QUEUE } from '../contract/queues.ts';
import type { Replayed } from '../contract/replay.ts';
import { connectClient } from '../system/config/temporal.ts';
import { loadConfig } from '../system/config/load.ts';
import { workflowSource } from './serve.ts';

/** Also of types that this release does not have any more: those would not go on either. */
const OPEN = `TaskQueue = "${WORKFLOW_QUEUE}" AND ExecutionStatus = "Running"`;

/** Runs the workflows of this release through the history of each open run; changes nothing. */
async function replayOpen(client: Client): Promise<Replayed> {
  const found: Replayed = { goOn: 0, broken: [] };
  const histories = client.workflow.list({ query: OPEN }).intoHistories();
  for await (const { workflowId, runId, error } of Worker.runReplayHistories(
    workflowSource(),
    histories,
  )) {
    if (error === undefined) found.goOn += 1;
    else found.broken.push({ workflowId, runId, because: error.message });
  }
  return found;
}

/** A program of its own, since commands load no native addon: one JSON document on stdout. */
async function main(): Promise<Replayed> {
  // Each run that breaks is told once, by us; stdout has nothing but the document.
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
  });
  const client = await connectClient(loadConfig());
  try {
    return await replayOpen(client);
  } finally {
    await client.connection.close();
  }
}

try {
  console.log(JSON.stringify(await main()));
} catch (error) {
  if (!(error instanceof DrayError)) throw error;
  const { code, params } = error as DrayError;
  console.log(JSON.stringify({ error: { code, params } }));
}
// What the SDK keeps open has nothing to say any more.
process.exit(0);
