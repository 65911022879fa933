import type { FleetOrder, FleetPhase, FleetState, FleetStatus } from '../../contract/fleet.ts';
import { etaSeconds } from './eta.ts';
import type { Ledger } from './ledger.ts';
import type { Window } from './watch.ts';
import type { Wishes } from './wishes.ts';

/** Of more the report tells. */
const FAILURES_SHOWN = 20;

/** Everything that a fleet knows of itself. */
export type Known = { order: FleetOrder; ledger: Ledger; wishes: Wishes; window: Window };

export function phaseOf({ ledger, wishes, window }: Known): FleetPhase {
  const { cancelled, stopped, paused } = wishes.kept;
  if (ledger.isOver) return 'done';
  if (cancelled !== undefined) return 'cancelling';
  if (stopped !== undefined) return 'stopped';
  if (paused !== undefined) return 'paused';
  return window.open ? 'running' : 'outside-window';
}

/** What the next run needs to go on. */
export function stateOf({ ledger, wishes }: Known): FleetState {
  return { ...wishes.kept, letters: ledger.letters, failures: ledger.failures };
}

function etaOf({ ledger, wishes }: Known): number | undefined {
  const { waiting, running } = ledger.counts;
  return etaSeconds(wishes.kept.recent, { volumes: waiting + running, bytes: ledger.bytesLeft });
}

export function statusOf(known: Known): FleetStatus {
  const { order, ledger, window } = known;
  const phase = phaseOf(known);
  const eta = phase === 'running' ? etaOf(known) : undefined;
  const lastWave = ledger.waves.at(-1) ?? 0;
  return {
    name: order.name,
    planId: order.id,
    phase,
    counts: ledger.counts,
    volumes: ledger.volumes.length,
    bytesTotal: ledger.volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    bytesDone: ledger.bytesDone,
    wave: ledger.wave ?? lastWave,
    lastWave,
    ...(eta === undefined ? {} : { etaSeconds: eta }),
    ...(window.opensAt === undefined ? {} : { opensAt: window.opensAt }),
    running: ledger.openIn('running'),
    parked: ledger.openIn('parked'),
    failed: ledger.failures.slice(0, FAILURES_SHOWN).map(({ volume, code, message }) => {
      return { workflowId: ledger.workflowId(volume), code, message };
    }),
    state: stateOf(known),
  };
}
