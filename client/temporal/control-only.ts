import type { Client } from '@temporalio/client';
import { backendQueue, hostQueue } from '../../contract/queues.ts';
import type { Config } from '../../system/config/schema.ts';
import { isServed } from './pollers.ts';

/** Backends of the configuration by the host that drives them. */
function backendsByHost({ host: own, backends }: Config): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const [name, { host = own }] of Object.entries(backends)) {
    names.set(host, [...(names.get(host) ?? []), name]);
  }
  return names;
}

/**
 * Hosts that serve all their backends of the configuration and have no mover. One whose mover is
 * away now looks the same: it counts as a mover wherever a run or a person names it as one.
 */
export async function controlOnlyHosts(client: Client, config: Config): Promise<Set<string>> {
  const found = new Set<string>();
  for (const [host, names] of backendsByHost(config)) {
    if (await isServed(client, hostQueue(host), 'activity')) continue;
    const served = names.map((name) => isServed(client, backendQueue(name), 'activity'));
    if ((await Promise.all(served)).every(Boolean)) found.add(host);
  }
  return found;
}
