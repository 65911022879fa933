import type { Client } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { DrayError } from '../../contract/errors.ts';
import type { FindLeaksInput, Leaks } from '../../contract/leaks.ts';
import { backendQueue, hostQueue, WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { parseVolume } from '../../contract/volume.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import type { Config } from '../../system/config/schema.ts';
import { controlOnlyHosts } from './control-only.ts';
import { assertKnownHost } from './preconditions.ts';
import { isServed } from './pollers.ts';
import { withClient } from './with-client.ts';
import { viewOf } from './workflow-view.ts';

/** What the configuration names; of hosts that only drive backends, the one that is asked for. */
async function configured(
  client: Client,
  config: Config,
  asked: string | undefined,
): Promise<string[]> {
  const { host, backends } = config;
  const controlOnly = await controlOnlyHosts(client, config);
  const hosts = [host, ...Object.values(backends).flatMap((backend) => backend.host ?? [])];
  const movers = hosts.filter((name) => name === asked || !controlOnly.has(name));
  return [...movers.map(hostQueue), ...Object.keys(backends).map(backendQueue)];
}

/** What open workflows are at work on. */
async function atWork(client: Client): Promise<string[]> {
  const places = new Set<string>();
  for await (const info of client.workflow.list({ query: 'ExecutionStatus = "Running"' })) {
    const { host, source, destination } = viewOf(info);
    if (host !== '') places.add(hostQueue(host));
    for (const name of [source, destination]) {
      const volume = parseVolume(name);
      if (volume !== undefined) places.add(backendQueue(volume.backend));
    }
  }
  return [...places];
}

/**
 * Has the workers look at everything that is known here, or at what concerns one host, which may be
 * lost: its name is known if the configuration, an open workflow or a worker has it.
 * @throws UnknownHost, NoWorker, TemporalUnreachable
 */
export async function findLeaks(
  config: Config,
  host: string | undefined,
  release: FindLeaksInput['release'],
): Promise<Leaks> {
  return withClient(config, async (client) => {
    const named = [...(await configured(client, config, host)), ...(await atWork(client))];
    const known = [...new Set(named)];
    if (host !== undefined && !known.includes(hostQueue(host))) {
      await assertKnownHost(client, config, host);
      known.push(hostQueue(host));
    }
    if (!(await isServed(client, WORKFLOW_QUEUE, 'workflow'))) {
      throw new DrayError('NoWorker', { queue: WORKFLOW_QUEUE });
    }
    const isWanted = (place: string): boolean =>
      host === undefined || place === hostQueue(host) || !place.startsWith(hostQueue(''));
    const places = known.filter(isWanted);
    const input: FindLeaksInput = { places, release, ...(host === undefined ? {} : { host }) };
    const result: unknown = await client.workflow.execute(WORKFLOWS.findLeaks, {
      workflowId: `leaks/${host ?? 'all'}/${randomUUID()}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      staticSummary: `look for leaks on ${places.join(', ')}`,
    });
    return result as Leaks;
  });
}
