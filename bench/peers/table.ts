import { renderBytes } from '../../client/render/quantities.ts';
import { table } from '../page.ts';
import type { PeerRow } from './rows.ts';

const HEADER = [
  ...['storage', 'content', 'tool', 'seconds', 'MiB/s', 'CPU s/GiB'],
  ...['speed over dd bs=1M', 'speed over fastest peer'],
];

const figure = (value: number | undefined, places = 2): string => value?.toFixed(places) ?? '';

function cells(row: PeerRow): string[] {
  const { storage, content, sizeBytes, tool, none, medianSeconds, mibPerSecond } = row;
  const of = [storage, `${content} ${renderBytes(sizeBytes)}`, tool];
  if (none !== undefined) return [...of, none, '', '', '', ''];
  return [
    ...of,
    ...[figure(medianSeconds), figure(mibPerSecond, 0), figure(row.cpuSecondsAGib)],
    ...[figure(row.ratioToDd1M), figure(row.ratioToFastest)],
  ];
}

export function peersTable(rows: readonly PeerRow[]): string {
  return table(HEADER, rows.map(cells), 3);
}
