/** Workflows and what belongs to no host and no backend. */
export const WORKFLOW_QUEUE = 'dray';

/** Where a backend can be driven: the same call whether the storage is local or remote. */
export function backendQueue(backend: string): string {
  return `backend/${backend}`;
}

/** Attach, detach, probe and fence on one host. Never waits behind a copy. */
export function hostQueue(hostId: string): string {
  return `host/${hostId}`;
}

/** The data: its slots are the number of copies a host runs at once. */
export function copyQueue(hostId: string): string {
  return `host/${hostId}/copy`;
}

/** What a worker serves. `control`: workflows and its backends; `mover`: attaching and copying. */
export const WORKER_ROLES = ['mover', 'control'] as const;
export type WorkerRole = (typeof WORKER_ROLES)[number];

/** The command that starts a worker which serves the queue. */
export function workerCommand(queue: string): string {
  const role: WorkerRole = queue.startsWith(hostQueue('')) ? 'mover' : 'control';
  return `dray worker --role ${role}`;
}
