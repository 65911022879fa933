import { join } from 'node:path';
import { fenceAll } from '../copy/lease.ts';
import type { Config } from '../system/config/schema.ts';
import { raiseEpoch, readEpoch } from '../system/epoch.ts';
import { type HostState, makeStateDirs, stateDirs } from '../system/host-state.ts';
import type { Log } from '../system/log.ts';

/** How soon a worker notices that another one has taken its host id over. Unit: seconds. */
const WATCH_SECONDS = 0.5;

/**
 * Makes this process the one worker of its host id: raises the epoch, then kills older copiers and
 * takes their locks, all before it polls. @throws StateUnwritable
 */
export async function takeOver(config: Config, log: Log): Promise<HostState> {
  const dirs = stateDirs(config.stateDir);
  await makeStateDirs(dirs);
  const epoch = await raiseEpoch(join(dirs.root, 'epoch'), config.host);
  const state: HostState = { hostId: config.host, epoch, dirs };
  for (const failure of await fenceAll(state)) {
    // Its own lease refuses it; whoever needs that destination is told then.
    log.error(failure.message, { code: failure.code, do: failure.whatToDo });
  }
  return state;
}

/** Calls back once when a newer worker has raised the epoch. */
export function watchEpoch({ epoch }: HostState, onStale: () => void): NodeJS.Timeout {
  const timer = setInterval(() => {
    if (readEpoch(epoch.file) === epoch.number) return;
    clearInterval(timer);
    onStale();
  }, WATCH_SECONDS * 1000);
  return timer;
}
