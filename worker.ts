import { NativeConnection } from '@temporalio/worker';
import { setFlagsFromString } from 'node:v8';
import { DrayError, isWithoutTemporal } from './contract/errors.ts';
import { WORKER_ROLES, type WorkerRole } from './contract/queues.ts';
import { type Hook, openHooks } from './system/config/hooks.ts';
import { loadConfig, type LoadedConfig } from './system/config/load.ts';
import { connectClient, temporalSettings, unreachable } from './system/config/temporal.ts';
import type { Log } from './system/log.ts';
import { openControl } from './worker/control.ts';
import type { Duty, WorkerContext } from './worker/duty.ts';
import { scheduleLeaks } from './worker/leak-schedule.ts';
import { createLog, installRuntime } from './worker/logger.ts';
import { assertServable, showMetrics } from './worker/metrics.ts';
import { openMover } from './worker/mover.ts';
import { watchReleases } from './worker/release-watch.ts';
import { runWorkers } from './worker/serve.ts';
import { watchEpoch } from './worker/takeover.ts';

/** What it ends with, beside 0 and 1; `dray worker` passes it on. */
const EXIT = { temporalUnreachable: 5, superseded: 9 } as const;
/** Longer than a person at a terminal would wait. */
const CONNECT_MILLISECONDS = 5_000;

/** Serves what the duties have opened, until all of it has ended. */
async function runDuties(duties: readonly Duty[], context: WorkerContext): Promise<void> {
  const { client, config, log } = context;
  const giveUp = async (): Promise<void> => {
    await Promise.all(duties.map((duty) => duty.giveUp()));
  };
  // Before anybody can give it new work.
  await giveUp();
  const workers = (await Promise.all(duties.map((duty) => duty.createWorkers()))).flat();
  const stopWatching = watchReleases({
    client,
    limits: config.limits,
    log,
    giveUp,
    listAttachments: async () =>
      (await Promise.all(duties.map((duty) => duty.listAttachments()))).flat(),
  });
  const stopShowing = showMetrics(client, config, log);
  const epochWatches = duties.map(({ state }) =>
    watchEpoch(state, () => {
      // Nothing of this process may go on: the newer worker has fenced what it started.
      log.error('another worker has taken over this host id; ending', { code: 'WorkerSuperseded' });
      process.exit(EXIT.superseded);
    }),
  );
  const queues = workers.map((worker) => worker.options.taskQueue);
  log.info('worker ready', { epochs: duties.map(({ state }) => state.epoch.number), queues });
  const running = runWorkers(workers);
  // Nobody waits for it, but the connection stays open for it.
  const scheduled = scheduleLeaks(
    client,
    duties.flatMap(({ places }) => places),
    config,
    log,
  );
  try {
    await running;
  } finally {
    for (const stop of [...epochWatches, stopShowing]) stop();
    await stopWatching();
    await scheduled;
  }
}

/** Runs the workers of this host in these roles until all of them have ended. */
async function runHost(
  roles: readonly WorkerRole[],
  context: WorkerContext,
  hooks: readonly Hook[],
): Promise<void> {
  const duties: Duty[] = [];
  try {
    for (const role of roles) {
      duties.push(await (role === 'mover' ? openMover(context) : openControl(context, hooks)));
    }
    await runDuties(duties, context);
  } finally {
    for (const duty of duties) await duty.close();
  }
  context.log.info('worker ended');
}

async function serve(roles: readonly WorkerRole[], config: LoadedConfig, log: Log): Promise<void> {
  const hooks = roles.includes('control') ? await openHooks(config) : [];
  await assertServable(config.metrics);
  installRuntime(log, config.metrics);
  const { connection: options, namespace } = temporalSettings(config);
  // First: it can tell best why there is no connection.
  const client = await connectClient(config, CONNECT_MILLISECONDS);
  const connection = await NativeConnection.connect(options).catch((error: unknown) => {
    throw unreachable(options.address, error);
  });
  log.info('connected', { address: options.address, namespace });
  await runHost(roles, { connection, client, config, log }, hooks);
  await client.connection.close();
  await connection.close();
}

// V8 lets a heap grow several times before it collects; many small copies would take half as much
// memory again for what nobody needs any more.
setFlagsFromString('--heap-growing-percent=25');

function flag(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

const config = loadConfig(flag('--config'));
const asked = flag('--role');
const roles = WORKER_ROLES.filter((role) => asked === undefined || asked === role);
const log = createLog(config.log, config.host);
// The SDK stops listening once it has begun to shut down, and execa's clean-up, finding nobody else,
// would then end this process at once: no step would be handed back.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => log.info('ending in order', { signal }));
}
try {
  await serve(roles, config, log);
} catch (error) {
  const known = error instanceof DrayError ? (error as DrayError) : undefined;
  log.error((error as Error).message, known ? { code: known.code, do: known.whatToDo } : { error });
  // Open connections would keep it alive, and a connection whose Worker never ran cannot be closed.
  process.exit(known && isWithoutTemporal(known.code) ? EXIT.temporalUnreachable : 1);
}
