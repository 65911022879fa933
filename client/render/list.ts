import type { Listed } from '../temporal/list.ts';
import { renderTable } from './quantities.ts';

export function renderList(list: readonly Listed[]): string {
  const rows = list.map((item) => [
    item.workflowId,
    item.phase,
    item.host,
    item.destination,
    item.needsDecision ? 'decision' : '',
    item.held.length === 0 ? '' : String(item.held.length),
    item.startedAt,
  ]);
  return renderTable(['ID', 'PHASE', 'HOST', 'DESTINATION', 'NEEDS', 'HELD', 'STARTED'], rows);
}
