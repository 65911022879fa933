import { renderBytes } from '../../contract/bytes.ts';
import type { FleetReport, ReportedVolume } from '../temporal/fleet-report.ts';
import { renderCounts } from './fleet.ts';
import { renderSeconds, renderTable } from './quantities.ts';

function renderTook({ startedAt, endedAt }: ReportedVolume): string {
  if (startedAt === undefined || endedAt === undefined) return '';
  return renderSeconds((Date.parse(endedAt) - Date.parse(startedAt)) / 1000);
}

export function renderFleetReport({ name, order, counts, changes, volumes }: FleetReport): string {
  const rows = volumes.map((volume) => [
    volume.source,
    volume.destination,
    String(volume.wave),
    renderBytes(volume.sizeBytes),
    volume.state,
    renderTook(volume),
    volume.code === undefined ? '' : `${volume.code}: ${volume.message}`,
  ]);
  const header = ['SOURCE', 'DESTINATION', 'WAVE', 'SIZE', 'STATE', 'TOOK', 'ERROR'];
  return [
    `fleet ${name}, planned at ${order.madeAt}`,
    renderTable(header, rows),
    ...changes.map(({ at, change, reason }) => `${at} ${change}${reason ? `: ${reason}` : ''}`),
    renderCounts(counts),
  ].join('\n');
}
