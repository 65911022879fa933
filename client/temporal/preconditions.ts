import type { Client } from '@temporalio/client';
import { DrayError } from '../../contract/errors.ts';
import { backendQueue, hostQueue, workerCommand } from '../../contract/queues.ts';
import type { VolumeRef } from '../../contract/volume.ts';
import type { Config } from '../../system/config/schema.ts';
import { note } from '../command.ts';
import { isServed } from './pollers.ts';

/**
 * A backend is known by the configuration or by a worker that serves it. Answers whether it is
 * served now. @throws UnknownBackend
 */
export async function assertKnownBackend(
  client: Client,
  config: Config,
  backend: string,
): Promise<boolean> {
  const served = await isServed(client, backendQueue(backend), 'activity');
  if (!served && !Object.hasOwn(config.backends, backend)) {
    throw new DrayError('UnknownBackend', { backend });
  }
  return served;
}

/** The same for a host: this one is known, others only by their worker. @throws UnknownHost */
export async function assertKnownHost(
  client: Client,
  config: Config,
  host: string,
): Promise<boolean> {
  const served = await isServed(client, hostQueue(host), 'activity');
  if (!served && host !== config.host) throw new DrayError('UnknownHost', { host });
  return served;
}

/**
 * Names that mean something are waited for; a typing error is not.
 * @throws UnknownBackend, UnknownHost
 */
export async function assertKnown(
  client: Client,
  config: Config,
  volumes: readonly VolumeRef[],
  hosts: readonly string[],
): Promise<void> {
  const names = new Set(volumes.map(({ backend }) => backend));
  const waits: string[] = [];
  for (const name of names) {
    if (!(await assertKnownBackend(client, config, name))) waits.push(backendQueue(name));
  }
  for (const host of hosts) {
    if (!(await assertKnownHost(client, config, host))) waits.push(hostQueue(host));
  }
  for (const queue of waits) {
    note(`no worker answers on ${queue} yet: start \`${workerCommand(queue)}\``);
  }
}
