import { createBackendActivities } from '../activities/backend.ts';
import { backendQueue } from '../contract/queues.ts';
import type { Backend } from '../storage/backend.ts';
import { openBackend } from '../storage/open-backend.ts';
import type { Hook } from '../system/config/hooks.ts';
import type { LoadedConfig } from '../system/config/load.ts';
import type { HostState } from '../system/host-state.ts';
import type { Log } from '../system/log.ts';
import type { Duty, WorkerContext } from './duty.ts';
import { serveSteps, serveWorkflows } from './serve.ts';
import { takeOver } from './takeover.ts';

/** The backends of which this host is the one that serves them; not opened yet. */
function ownBackends(config: LoadedConfig, state: HostState, log: Log): Backend[] {
  const { hostId, epoch, dirs } = state;
  const context = { hostId, epoch, keys: dirs.keys, stateRoot: dirs.root, log };
  return Object.entries(config.backends)
    .filter(([, backend]) => (backend.host ?? config.host) === hostId)
    .map(([name, backend]) => openBackend(name, backend, context));
}

async function closeAll(backends: readonly Backend[], log: Log): Promise<void> {
  const closed = await Promise.allSettled(backends.map((backend) => backend.close()));
  for (const end of closed) {
    if (end.status === 'rejected') log.error('a backend was not closed', { error: end.reason });
  }
}

/** Those that were opened are closed again where one cannot be. */
async function openAll(backends: readonly Backend[], log: Log): Promise<void> {
  const opened: Backend[] = [];
  try {
    for (const backend of backends) {
      await backend.open();
      opened.push(backend);
    }
  } catch (error) {
    await closeAll(opened, log);
    throw error;
  }
}

/**
 * Runs workflows and drives the backends of this host.
 * @throws StateUnwritable and what a backend that cannot be opened says
 */
export async function openControl(context: WorkerContext, hooks: readonly Hook[]): Promise<Duty> {
  const { client, config, log } = context;
  const state = await takeOver(config, 'control', log);
  const backends = ownBackends(config, state, log);
  await openAll(backends, log);
  const serveBackend = (backend: Backend) =>
    serveSteps(
      context,
      state,
      backendQueue(backend.facts.name),
      createBackendActivities({ backend, keys: state.dirs.keys }),
    );
  return {
    state,
    places: backends.map(({ facts }) => backendQueue(facts.name)),
    giveUp: () => Promise.resolve(),
    createWorkers: () =>
      Promise.all([
        serveWorkflows(context, state, { client, limits: config.limits, hooks }),
        ...backends.map(serveBackend),
      ]),
    listAttachments: async () => {
      const reservations = backends.map((backend) =>
        backend.listReservations().catch((error: unknown) => {
          log.error('what is held cannot be read', { what: backend.facts.name, error });
          return [];
        }),
      );
      return (await Promise.all(reservations)).flat();
    },
    close: () => closeAll(backends, log),
  };
}
