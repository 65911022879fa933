import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cinder } from './cinder.ts';
import { Services } from './services.ts';
import { POOLS, type Settings, writeSettings } from './settings.ts';

async function startAll(services: Services): Promise<void> {
  const { settings } = services;
  const at = (name: string): string => join(settings.directory, name);
  for (const service of ['names', 'broker', 'tgtd'] as const) services.start(service);
  await services.run('cinder-manage', '--config-file', at('cinder.conf'), 'db', 'sync');
  // Several programs write it, and one that waits must not fail.
  await services.run('sqlite3', at('cinder.sqlite'), 'PRAGMA journal_mode=WAL');
  await services.until('RabbitMQ', async () => {
    await services.run('/usr/lib/rabbitmq/bin/rabbitmqctl', '-q', 'await_startup');
    return true;
  });
  for (const service of ['api', 'scheduler', ...POOLS] as const) services.start(service);
  const cinder = new Cinder(settings);
  const { length } = POOLS;
  await services.until('Cinder', async () => (await cinder.poolsKnown()) === length);
  for (const pool of POOLS) await cinder.makeType(pool, { volume_backend_name: pool });
}

/** A real Cinder of the test's own. */
export type StartedCinder = {
  settings: Settings;
  services: Services;
  /** Ends everything that was started and removes its files. */
  stop: () => Promise<void>;
};

/** Starts api, scheduler, a cinder-volume for each pool, RabbitMQ and tgtd, all on loopback. */
export async function startCinder(): Promise<StartedCinder> {
  const directory = await mkdtemp(join(tmpdir(), 'dray-cinder-'));
  const services = new Services(await writeSettings(directory));
  const stop = async (): Promise<void> => {
    await services.end();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await startAll(services);
  } catch (error) {
    await stop();
    throw error;
  }
  return { settings: services.settings, services, stop };
}
