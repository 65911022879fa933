import { join } from 'node:path';
import type { WorkerRole } from '../contract/queues.ts';
import { fenceAll } from '../copy/lease.ts';
import type { Config } from '../system/config/schema.ts';
import { raiseEpoch, readEpoch } from '../system/epoch.ts';
import { type HostState, makeStateDirs, stateDirs } from '../system/host-state.ts';
import type { Log } from '../system/log.ts';

/** How soon a worker notices that another one has taken its host id over. Unit: seconds. */
const WATCH_SECONDS = 0.5;

/** One each, so that two workers of one host, each with its role, leave each other alone. */
const EPOCH_FILES: Record<WorkerRole, string> = { mover: 'epoch', control: 'epoch-control' };

/**
 * Makes this process the one worker of its host id in that role: raises the epoch, then, as the
 * mover, kills older copiers and takes their locks, all before it polls. @throws StateUnwritable
 */
export async function takeOver(config: Config, role: WorkerRole, log: Log): Promise<HostState> {
  const dirs = stateDirs(config.stateDir);
  await makeStateDirs(dirs);
  const epoch = await raiseEpoch(join(dirs.root, EPOCH_FILES[role]), config.host);
  const state: HostState = { hostId: config.host, epoch, dirs };
  if (role !== 'mover') return state;
  for (const failure of await fenceAll(state)) {
    // Its own lease refuses it; whoever needs that destination is told then.
    log.error(failure.message, { code: failure.code, do: failure.whatToDo });
  }
  return state;
}

/** Calls back once when a newer worker has raised the epoch; the answer ends the watch. */
export function watchEpoch({ epoch }: HostState, onStale: () => void): () => void {
  const timer = setInterval(() => {
    if (readEpoch(epoch.file) === epoch.number) return;
    clearInterval(timer);
    onStale();
  }, WATCH_SECONDS * 1000);
  return () => clearInterval(timer);
}
