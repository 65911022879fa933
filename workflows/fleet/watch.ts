import { CancellationScope, condition, sleep } from '@temporalio/workflow';
import type { FleetOrder, Watched } from '../../contract/fleet.ts';
import { msUntil, nowMs } from '../clock.ts';
import type { Ledger } from './ledger.ts';
import { watchCopies, windowAt } from './look.ts';

/** Windows are looked at again at least so often: clocks are put forward and back. */
const WINDOW_MILLISECONDS = 3_600_000;

/** `opensAt`: ISO 8601, while it is not open. */
export type Window = { open: boolean; opensAt?: string };

/** Sees which copies park, and the end of those that tell nobody: of an earlier run. */
export async function keepWatch(
  fleet: string,
  ledger: Ledger,
  hear: (watched: Watched) => void,
): Promise<never> {
  for (;;) {
    await condition(() => ledger.open.size > 0);
    const { adoptions } = ledger;
    const copies = [...ledger.open].map((place) => {
      return { workflowId: ledger.workflowId(place), own: !ledger.isAdopted(place) };
    });
    const scope = new CancellationScope();
    const watched = await scope.run(() =>
      Promise.race([
        watchCopies({ fleet, copies, parked: ledger.openIn('parked') }),
        // Those that were taken over meanwhile have to be watched as well.
        condition(() => ledger.adoptions !== adoptions).then(() => undefined),
      ]),
    );
    scope.cancel();
    if (watched !== undefined) hear(watched);
  }
}

/** Tells at each change whether volumes may be begun. */
export async function keepWindows(
  { windows, timeZone }: FleetOrder,
  change: (window: Window) => void,
): Promise<void> {
  while (windows.length > 0) {
    const { open, changesAt } = await windowAt({ windows, timeZone, at: nowMs() });
    change({ open, ...(open ? {} : { opensAt: changesAt }) });
    await sleep(Math.min(msUntil(changesAt), WINDOW_MILLISECONDS));
  }
}
