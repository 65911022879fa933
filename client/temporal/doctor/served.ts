import type { Client } from '@temporalio/client';
import { type Finding, type HostToExamine, warning } from '../../../contract/examination.ts';
import { backendQueue, hostQueue } from '../../../contract/queues.ts';
import type { Config } from '../../../system/config/schema.ts';
import { examineQueue } from './queues.ts';

/** A host or a backend, and who serves its queues. */
export type Served<T> = T & { queues: Finding[] };
export type ServedHost = Served<HostToExamine>;
export type ServedBackend = Served<{ backend: string }>;

/** Whether there is somebody to ask. */
export function hasWorker({ queues }: { queues: Finding[] }): boolean {
  return queues.every(({ state }) => state === 'ok');
}

/** Its queue of copies tells nothing: a worker all of whose slots are taken asks for no more. */
export async function servedHost(client: Client, known: HostToExamine): Promise<ServedHost> {
  const { host } = known;
  const queues = await examineQueue(client, {
    check: 'host.worker',
    kind: 'activity',
    queue: hostQueue(host),
    where: `host ${host}`,
  });
  return { ...known, queues };
}

/** It drives backends alone: that nobody attaches volumes there is worth a word and no fault. */
export function asControlOnly(served: ServedHost): ServedHost {
  const queues = served.queues.map(({ state, check, sentence, mend = '' }) =>
    state === 'wrong'
      ? warning(check, `${sentence}, if copies are to run there`, mend)
      : { state, check, sentence },
  );
  return { ...served, queues };
}

export async function servedBackend(
  client: Client,
  config: Config,
  backend: string,
): Promise<ServedBackend> {
  const settings = config.backends[backend];
  const { host = config.host } = settings ?? {};
  const queues = await examineQueue(client, {
    check: 'backend.worker',
    kind: 'activity',
    queue: backendQueue(backend),
    where: settings === undefined ? 'the host it belongs to' : `host ${host}`,
  });
  return { backend, queues };
}
