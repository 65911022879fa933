import type { Listed } from '../temporal/list.ts';
import type { Wait } from '../temporal/waits.ts';
import { renderTable } from './quantities.ts';

/** A word for each wait: `dray why` has the sentences. */
function renderNeeds(wait: Wait): string {
  switch (wait.kind) {
    case 'decision':
      return `decision: ${wait.parked.step}`;
    case 'pausedInTemporal':
      return `paused by ${wait.step.paused?.by} in Temporal`;
    case 'worker':
      return `worker: ${wait.queue}`;
    case 'retry':
      return `retry: ${wait.step.activity}`;
    default:
      return wait.kind;
  }
}

export function renderList(list: readonly Listed[]): string {
  const rows = list.map((item) => [
    item.workflowId,
    item.phase,
    item.host,
    item.destination,
    item.unknown ?? item.waits.map(renderNeeds).join(', '),
    item.held.length === 0 ? '' : String(item.held.length),
    item.startedAt,
  ]);
  return renderTable(['ID', 'PHASE', 'HOST', 'DESTINATION', 'NEEDS', 'HELD', 'STARTED'], rows);
}
