import type {
  CancelRequest,
  FleetAnswer,
  FleetLimits,
  FleetRequest,
  ResizeRequest,
  RetryRequest,
} from '../../contract/fleet.ts';
import { cancelCopy } from './copies.ts';
import type { Ledger } from './ledger.ts';
import { troublesOf } from './stop-rule.ts';
import type { Wishes } from './wishes.ts';

export type Said = Omit<FleetAnswer, 'phase'>;

/** What a fleet does when it is told to; each answers what came of it. */
export type Told = {
  pause: (request: FleetRequest) => Said;
  resume: (request: FleetRequest) => Said;
  resize: (request: ResizeRequest) => Said;
  cancel: (request: CancelRequest) => Said;
  retry: (request: RetryRequest) => Said;
};

const done = (said: string): Said => ({ changed: true, said });
/** Somebody else may have been faster. */
const alreadySo = (said: string): Said => ({ changed: false, said });

/** With limits of 0 taken away. */
function resized(limits: FleetLimits, wanted: Partial<FleetLimits>): FleetLimits {
  const all = Object.entries({ ...limits, ...wanted });
  return Object.fromEntries(all.filter(([, limit]) => limit > 0)) as FleetLimits;
}

export function answersOf(ledger: Ledger, wishes: Wishes): Told {
  return {
    pause: (request) => {
      const { paused } = wishes.kept;
      if (paused !== undefined) return alreadySo(`was paused already, at ${paused.since}`);
      wishes.pause(request);
      return done('is paused: no more volumes are begun');
    },

    resume: (request) => {
      const { paused, stopped } = wishes.kept;
      if (paused === undefined && stopped === undefined) {
        return alreadySo('was neither paused nor stopped');
      }
      wishes.resume(request, troublesOf(ledger.counts), ledger.lostCanaries !== undefined);
      return done('goes on');
    },

    resize: (request) => {
      const limits = resized(wishes.kept.limits, request.limits);
      const named = Object.entries(limits).map(([name, limit]) => `${name} ${limit}`);
      wishes.resize(limits, `at once: ${named.join(', ')}`, request);
      return done(`has at once: ${named.join(', ')}`);
    },

    cancel: (request) => {
      const { leaveRunning = false } = request;
      const before = wishes.kept.cancelled;
      if (before !== undefined && (leaveRunning || !before.leaveRunning)) {
        return alreadySo(`was cancelled already, at ${before.since}`);
      }
      wishes.cancel(request);
      const waiting = ledger.turn(['waiting', 'again'], 'cancelled');
      const open = leaveRunning ? [] : [...ledger.open];
      for (const place of open) void cancelCopy(ledger.workflowId(place));
      const left = leaveRunning ? 'those at work go on' : `${open.length} at work are cancelled`;
      return done(`is cancelled: ${waiting} volumes are not begun, ${left}`);
    },

    retry: (request) => {
      const isAll = request.cancelled === true;
      const again = ledger.turn(isAll ? ['failed', 'cancelled'] : ['failed'], 'again');
      if (again === 0) return alreadySo('has nothing to begin again');
      wishes.note(`${again} volumes begin again`, request);
      return done(`begins ${again} volumes again`);
    },
  };
}
