import type { Client } from '@temporalio/client';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endOnSignal } from '../client/demo/interrupt.ts';
import { freeControlPort, freePort } from '../client/demo/ports.ts';
import { sweep } from '../client/demo/sweep.ts';
import { type DevServer, startDevServer } from '../client/server/dev-server.ts';
import { locateTemporal } from '../client/server/locate-temporal.ts';
import { createKey, keysDirectory } from '../system/config/keys.ts';
import { loadConfig, type LoadedConfig } from '../system/config/load.ts';
import { connectClient } from '../system/config/temporal.ts';
import { compileInto, type Programs } from '../scripts/compile-into.ts';
import type { Storage } from './options.ts';
import { startWorker, untilServed, type WorkerProcess } from './worker-process.ts';

export const SOURCE = 'source';
export const DESTINATION = 'destination';

/** A Temporal server, a worker and both kinds of storage, in one directory of their own. */
export type Stage = {
  directory: string;
  config: LoadedConfig;
  configFile: string;
  temporalBinary: string;
  programs: Programs;
  client: Client;
  worker: WorkerProcess;
  /** What `strike` does first, the latest before the earlier ones. */
  atEnd: (() => Promise<unknown>)[];
  /** Ends everything, whatever its state, and leaves nothing. */
  strike: () => Promise<void>;
};

/** Root of a storage's backend; the backend has the storage's name. */
export function rootOf({ directory }: Pick<Stage, 'directory'>, storage: Storage): string {
  return join(directory, storage);
}

/** The raw file that a volume lies in. */
export function rawFile(stage: Pick<Stage, 'directory'>, storage: Storage, id: string): string {
  return join(rootOf(stage, storage), 'volumes', `${id}.raw`);
}

async function writeConfig(
  directory: string,
  storages: readonly Storage[],
  controlPort: number,
  copySlots: number | undefined,
) {
  const port = await freePort([]);
  const portal = `127.0.0.1:${await freePort([port])}`;
  const all = {
    file: { type: 'file', root: rootOf({ directory }, 'file') },
    iscsi: {
      type: 'tgt',
      root: rootOf({ directory }, 'iscsi'),
      managed: true,
      controlPort,
      portal,
    },
  };
  const settings = {
    host: 'bench',
    stateDir: join(directory, 'state'),
    temporal: { address: `127.0.0.1:${port}`, port, namespace: 'default' },
    backends: Object.fromEntries(storages.map((storage) => [storage, all[storage]])),
    ...(copySlots === undefined ? {} : { copy: { slots: copySlots } }),
  };
  const file = join(directory, 'config.yaml');
  // YAML is a superset of JSON.
  await writeFile(file, JSON.stringify(settings));
  return file;
}

/**
 * Everything as `dray server` and `dray worker` run it, with their default settings but for the
 * copies that the host runs at once, where those are given.
 */
export async function setStage(storages: readonly Storage[], copySlots?: number): Promise<Stage> {
  const directory = await mkdtemp(join(await realpath(tmpdir()), 'dray-bench-'));
  const controlPort = freeControlPort();
  const started: { client?: Client; worker?: WorkerProcess; server?: DevServer } = {};
  const atEnd: Stage['atEnd'] = [];
  const endAll = async (): Promise<void> => {
    for (const act of atEnd.splice(0).toReversed()) await act();
    await started.worker?.stop();
    await started.server?.stop();
    await sweep({
      directory,
      controlPort,
      storage: 'iscsi',
      stateDir: join(directory, 'state'),
      root: rootOf({ directory }, 'iscsi'),
      source: { backend: 'iscsi', id: SOURCE },
      destination: { backend: 'iscsi', id: DESTINATION },
    });
    await rm(directory, { recursive: true, force: true });
    // Last: a call under way, which a signal has interrupted, would fail where nobody catches it.
    await started.client?.connection.close();
  };
  let struck: Promise<void> | undefined;
  const strike = (): Promise<void> => (struck ??= endAll());
  endOnSignal(strike);
  try {
    const programs = await compileInto(directory);
    const temporalBinary = await locateTemporal();
    const configFile = await writeConfig(directory, storages, controlPort, copySlots);
    const config = loadConfig(configFile);
    await createKey(keysDirectory(config));
    started.server = await startDevServer({
      binary: temporalBinary,
      port: config.temporal.port,
      namespace: 'default',
      dbFile: join(config.stateDir, 'temporal', 'temporal.db'),
    });
    started.worker = await startWorker(programs.worker, configFile, join(directory, 'worker.log'));
    started.client = await connectClient(config);
    const { client, worker } = started;
    await untilServed(client, config);
    const running = { client, worker, atEnd, strike };
    return { directory, config, configFile, temporalBinary, programs, ...running };
  } catch (error) {
    await strike();
    throw error;
  }
}
