import type { Client } from '@temporalio/client';
import { DrayError, isWithoutTemporal } from '../../../contract/errors.ts';
import { type Examination, failed, type Place, wrong } from '../../../contract/examination.ts';
import { WORKFLOW_QUEUE, workerCommand } from '../../../contract/queues.ts';
import { examineKeys } from '../../../system/config/examine-keys.ts';
import { examineState } from '../../../system/config/examine-state.ts';
import { keysDirectory } from '../../../system/config/keys.ts';
import type { Config } from '../../../system/config/schema.ts';
import { controlOnlyHosts } from '../control-only.ts';
import { withClient } from '../with-client.ts';
import { examine } from './examine.ts';
import { knownPlaces } from './known.ts';
import { placesOf } from './places.ts';
import { examineQueue, type QueueToExamine } from './queues.ts';
import { asControlOnly, hasWorker, servedBackend, servedHost } from './served.ts';
import { examineServer } from './server.ts';

const WORKFLOWS_RUN: QueueToExamine = {
  check: 'temporal.worker',
  kind: 'workflow',
  queue: WORKFLOW_QUEUE,
  where: 'any host',
};
/** A worker that has ended counts for minutes; one of an older version cannot run `examine`. */
const NOT_RUN = wrong(
  WORKFLOWS_RUN.check,
  `no worker of this version runs the workflows of queue ${WORKFLOW_QUEUE}; start one on any ` +
    'host, and those of an older version anew',
  workerCommand(WORKFLOW_QUEUE),
);
const NO_ANSWERS: Examination = { hosts: [], backends: [] };

/** What can be seen without a worker: the files of this machine. */
async function examineThisMachine(config: Config): Promise<Place> {
  const findings = await Promise.all([
    examineState(config.stateDir),
    examineKeys(keysDirectory(config), false),
  ]);
  return { place: 'this machine', findings: findings.flat() };
}

async function examineAll(
  client: Client,
  config: Config,
  asked: readonly string[] | undefined,
): Promise<Place[]> {
  const server = await examineServer(client, config);
  if (server.some(({ check, state }) => check === 'temporal.namespace' && state === 'wrong')) {
    return [{ place: 'temporal', findings: server }, await examineThisMachine(config)];
  }
  const known = await knownPlaces(client, config, asked);
  // Where it cannot be asked, the looks below say so.
  const controlOnly = await controlOnlyHosts(client, config).catch(() => new Set<string>());
  const hosts = await Promise.all(
    known.hosts.map(async (host) => {
      const served = await servedHost(client, host);
      const isExcused = controlOnly.has(host.host) && !known.movers.has(host.host);
      return isExcused ? asControlOnly(served) : served;
    }),
  );
  const backends = await Promise.all(
    known.backends.map((backend) => servedBackend(client, config, backend)),
  );
  const queues = await examineQueue(client, WORKFLOWS_RUN);
  const input = {
    hosts: hosts.filter(hasWorker).map(({ host, connects, seals }) => ({ host, connects, seals })),
    backends: backends.filter(hasWorker).map(({ backend }) => backend),
  };
  const answers = hasWorker({ queues }) ? await examine(client, input) : NO_ANSWERS;
  const worker = answers === undefined ? [NOT_RUN] : queues;
  const hasAnswered = answers?.hosts.some(({ host, keys }) => host === config.host && keys);
  return [
    { place: 'temporal', findings: [...server, ...known.findings, ...worker] },
    ...placesOf(hosts, backends, answers ?? NO_ANSWERS),
    ...(hasAnswered === true ? [] : [await examineThisMachine(config)]),
  ];
}

/** Looks at all that a copy relies on and changes nothing. `asked`: see knownPlaces. */
export async function diagnose(
  config: Config,
  asked: readonly string[] | undefined,
): Promise<Place[]> {
  try {
    return await withClient(config, (client) => examineAll(client, config, asked));
  } catch (error) {
    if (!(error instanceof DrayError)) throw error;
    const known = error as DrayError;
    if (!isWithoutTemporal(known.code)) throw known;
    const findings = [failed('temporal.answer', known)];
    return [{ place: 'temporal', findings }, await examineThisMachine(config)];
  }
}
