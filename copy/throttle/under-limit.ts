import type { CopyRun } from '../copy-run.ts';
import type { Guidance } from '../engine.ts';
import type { LaneShare } from '../lane-budget.ts';
import type { Lease } from '../lease.ts';
import { followingAll, type Steering } from '../steering.ts';
import { openThrottle } from './throttle.ts';

/**
 * Keeps the limit that is wanted, and tells copiers which pace that leaves to them, and what their
 * share of lanes is. One that is to end has no limit: no signal ends a request that the kernel holds
 * back.
 */
export async function underLimit(
  run: CopyRun,
  { directory }: Lease,
  steering: Steering,
  share: LaneShare,
  act: (guidance: Guidance, group: string | undefined) => Promise<void>,
): Promise<void> {
  const { limit } = steering;
  const throttle = await openThrottle(run.plan, run.ends, directory, limit);
  let setting = Promise.resolve();
  const set = (limit: number | undefined): void => {
    setting = setting
      .then(() => throttle.set(limit))
      .catch((error: unknown) => run.log.warn('a limit could not be set', { error }));
  };
  const unfollow = steering.follow(() => set(steering.limit));
  if (steering.limit !== limit) set(steering.limit);
  const lift = (): void => {
    unfollow();
    set(undefined);
  };
  run.signal.addEventListener('abort', lift, { once: true });
  const guidance: Guidance = {
    get pace() {
      return throttle.group === undefined ? steering.limit : undefined;
    },
    get paused() {
      return steering.paused;
    },
    get lanes() {
      return share.lanes;
    },
    follow: followingAll(steering, share),
  };
  try {
    await act(guidance, throttle.group);
  } finally {
    unfollow();
    run.signal.removeEventListener('abort', lift);
    await setting;
    await throttle.close();
  }
}
