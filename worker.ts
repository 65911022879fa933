import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { HostContext } from './activities/context.ts';
import { noEncryptor } from './connectors/no-encryptor.ts';
import {
  connectorProperties,
  defaultInitiator,
  openConnectors,
} from './connectors/open-connectors.ts';
import type { Attachment } from './contract/attachment.ts';
import { DrayError } from './contract/errors.ts';
import { backendQueue, hostQueue } from './contract/queues.ts';
import { LaneBudget } from './copy/lane-budget.ts';
import type { Backend } from './storage/backend.ts';
import { openBackend } from './storage/open-backend.ts';
import { listClaims } from './system/claims.ts';
import { type Hook, openHooks } from './system/config/hooks.ts';
import { loadConfig, type LoadedConfig } from './system/config/load.ts';
import { parseTimetable } from './system/config/timetable.ts';
import { temporalSettings, unreachable } from './system/config/temporal.ts';
import type { HostState } from './system/host-state.ts';
import type { Log } from './system/log.ts';
import { scheduleLeaks } from './worker/leak-schedule.ts';
import { createLog, installRuntime } from './worker/logger.ts';
import { assertServable, showMetrics } from './worker/metrics.ts';
import { watchReleases } from './worker/release-watch.ts';
import { createWorkers, runWorkers } from './worker/serve.ts';
import { takeOver, watchEpoch } from './worker/takeover.ts';

/** The limits of backends, of those that have one. */
function lanesOf({ backends }: LoadedConfig): Record<string, number> {
  const limits = Object.entries(backends).map(([name, { lanes }]) => [name, lanes] as const);
  return Object.fromEntries(limits.flatMap(([name, l]) => (l === undefined ? [] : [[name, l]])));
}

function hostContext(config: LoadedConfig, state: HostState, log: Log): HostContext {
  const initiator = config.iscsi.initiator ?? defaultInitiator(config.host);
  const connectors = openConnectors({
    epoch: state.epoch,
    initiator,
    attachmentsDir: state.dirs.attachments,
  });
  const { bytesPerSecond, timetable, ionice } = config.copy;
  const lanes = { lanes: config.copy.lanes, lanesOf: lanesOf(config) };
  return {
    state,
    connectors,
    encryptor: noEncryptor(),
    properties: () => connectorProperties(config.host, connectors, initiator),
    copy: {
      ...lanes,
      ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
      ...(timetable === undefined ? {} : { timetable: parseTimetable(timetable) }),
      ...(ionice === undefined ? {} : { ionice }),
    },
    laneBudget: new LaneBudget(lanes),
    log,
  };
}

/** The backends of which this host is the one that serves them; not opened yet. */
function ownBackends(config: LoadedConfig, state: HostState, log: Log): Backend[] {
  const { hostId, epoch, dirs } = state;
  const context = { hostId, epoch, keys: dirs.keys, stateRoot: dirs.root, log };
  return Object.entries(config.backends)
    .filter(([, backend]) => (backend.host ?? config.host) === hostId)
    .map(([name, backend]) => openBackend(name, backend, context));
}

/** Everything of which this worker is the one that serves it. */
function ownPlaces(state: HostState, backends: Backend[]): string[] {
  return [hostQueue(state.hostId), ...backends.map(({ facts }) => backendQueue(facts.name))];
}

/** What this host and its backends have written down; one that cannot be read hides no other. */
async function writtenDown(state: HostState, backends: Backend[], log: Log): Promise<Attachment[]> {
  const unreadable =
    (what: string) =>
    (error: unknown): Attachment[] => {
      log.error('what is held cannot be read', { what, error });
      return [];
    };
  const claims = listClaims(state.dirs.claims, (file, error) => unreadable(file)(error));
  const reservations = backends.map((backend) =>
    backend.listReservations().catch(unreadable(backend.facts.name)),
  );
  return [
    ...(await claims).map((claim) => claim.attachment),
    ...(await Promise.all(reservations)).flat(),
  ];
}

/** Runs the workers of this host, with the backends that it serves, until all of them have ended. */
async function runHost(
  connections: { connection: NativeConnection; client: Client },
  config: LoadedConfig,
  hooks: readonly Hook[],
  log: Log,
): Promise<void> {
  const { connection, client } = connections;
  const { namespace } = client.options;
  const state = await takeOver(config, log);
  const backends: Backend[] = [];
  try {
    for (const backend of ownBackends(config, state, log)) {
      await backend.open();
      backends.push(backend);
    }
    const host = hostContext(config, state, log);
    const { limits } = config;
    const workers = await createWorkers(connection, namespace, host, backends, config.copy.slots, {
      client,
      limits,
      hooks,
    });
    const stopWatching = watchReleases({
      client,
      limits,
      log,
      listAttachments: () => writtenDown(state, backends, log),
    });
    const stopShowing = showMetrics(client, config, log);
    const epochWatch = watchEpoch(state, () => {
      // Nothing of this process may go on: the newer worker has fenced what it started.
      log.error('another worker has taken over this host id; ending', { code: 'WorkerSuperseded' });
      process.exit(1);
    });
    const queues = workers.map((worker) => worker.options.taskQueue);
    log.info('worker ready', { epoch: state.epoch.number, queues });
    const running = runWorkers(workers);
    // Nobody waits for it, but the connection stays open for it.
    const scheduled = scheduleLeaks(client, ownPlaces(state, backends), config, log);
    try {
      await running;
    } finally {
      clearInterval(epochWatch);
      stopShowing();
      await stopWatching();
      await scheduled;
    }
  } finally {
    const closed = await Promise.allSettled(backends.map((backend) => backend.close()));
    for (const end of closed) {
      if (end.status === 'rejected') log.error('a backend was not closed', { error: end.reason });
    }
  }
  log.info('worker ended', { epoch: state.epoch.number });
}

async function serve(config: LoadedConfig, log: Log): Promise<void> {
  const hooks = await openHooks(config);
  await assertServable(config.metrics);
  installRuntime(log, config.metrics);
  const { connection: options, namespace } = temporalSettings(config);
  const connection = await NativeConnection.connect(options).catch((error: unknown) => {
    throw unreachable(options.address, error);
  });
  const clientConnection = await Connection.connect(options);
  log.info('connected', { address: options.address, namespace });
  const client = new Client({ connection: clientConnection, namespace });
  await runHost({ connection, client }, config, hooks, log);
  await clientConnection.close();
  await connection.close();
}

const configFlag = process.argv.indexOf('--config');
const config = loadConfig(configFlag < 0 ? undefined : process.argv[configFlag + 1]);
const log = createLog(config.log, config.host);
// The SDK stops listening once it has begun to shut down, and execa's clean-up, finding nobody else,
// would then end this process at once: no step would be handed back.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => log.info('ending in order', { signal }));
}
try {
  await serve(config, log);
} catch (error) {
  const known = error instanceof DrayError;
  log.error((error as Error).message, known ? { code: error.code, do: error.whatToDo } : { error });
  // Open connections would keep it alive, and a connection whose Worker never ran cannot be closed.
  process.exit(known && error.code === 'TemporalUnreachable' ? 5 : 1);
}
