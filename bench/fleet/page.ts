import { renderBytes } from '../../client/render/quantities.ts';
import { machineTable, table } from '../page.ts';
import { rounded } from '../statistics.ts';
import type { FleetBench } from './report.ts';

const list = (numbers: readonly number[]): string => numbers.join(', ');

function fleetTable({ fleets }: FleetBench): string {
  const header = ['volumes', 'done', 'seconds', 'a volume', 'CPU a volume', 'events', 'MiB'];
  const rows = fleets.map((fleet) => [
    ...[String(fleet.volumes), String(fleet.done), fleet.seconds.toFixed(1)],
    ...[
      fleet.secondsPerVolume.toFixed(2),
      fleet.cpuSecondsPerVolume.toFixed(2),
      list(fleet.parentEvents),
      String(fleet.memory.maximum),
    ],
  ]);
  return table(header, rows, 0);
}

function targetTable({ targets }: FleetBench): string {
  const rows = targets.map(({ figure, measured, target, met }) => [
    ...[figure, String(measured), target, met ? 'met' : 'missed'],
  ]);
  return table(['figure', 'measured', 'target', ''], rows, 1);
}

/** Everything of a run for people. */
export function renderFleetBench(report: FleetBench): string {
  return [machineTable(report), '', fleetTable(report), '', targetTable(report)].join('\n');
}

const VOLUMES = 100_000;
const VOLUME_BYTES = 100 * 2 ** 30;
const DAYS = 30;
/** Of one fleet, see MAX_FLEET_VOLUMES. */
const FLEET = 10_000;
/** What one mover is taken to copy, with verify, from its own measurement. Unit: bytes a second. */
const MOVER = 500 * 2 ** 20;
const SHARDS = 512;

/** The arithmetic of a large move, with the figures of a run. */
function plan({ fleets }: FleetBench): string[] {
  const large = fleets.at(-1)!;
  const parentEvents = large.parentEvents.reduce((sum, events) => sum + events, 0) / large.volumes;
  const events = large.copyEvents + parentEvents;
  const seconds = DAYS * 86_400;
  const bytes = VOLUMES * VOLUME_BYTES;
  const movers = Math.ceil(bytes / MOVER / seconds);
  const atOnce = Math.ceil((VOLUMES * (VOLUME_BYTES / (MOVER / 4))) / seconds);
  const rows = [
    ['volumes', `${VOLUMES}, of ${renderBytes(VOLUME_BYTES)} each`, String(VOLUMES)],
    ['bytes', `${VOLUMES} × ${renderBytes(VOLUME_BYTES)}`, renderBytes(bytes)],
    ['time wanted', `${DAYS} days`, `${seconds} s`],
    ['fleets', `${VOLUMES} / ${FLEET} volumes of one plan at most`, String(VOLUMES / FLEET)],
    [
      'movers',
      `bytes / time / ${renderBytes(MOVER)}/s of one mover, each byte verified`,
      String(movers),
    ],
    [
      'copies at once',
      `4 on a mover share its rate: ${VOLUMES} × ${renderBytes(VOLUME_BYTES)} / (rate / 4) / time`,
      String(atOnce),
    ],
    ['copies begun a second', 'volumes / time', (VOLUMES / seconds).toFixed(3)],
    [
      'events a volume',
      `${large.copyEvents} of the copy + ${rounded(parentEvents, 1)} of its fleet`,
      String(Math.ceil(events)),
    ],
    [
      'events a second',
      'events a volume × copies begun a second',
      ((events * VOLUMES) / seconds).toFixed(1),
    ],
    [
      'heartbeats a second',
      'copies at once / 2 s, the throttle of the worker',
      (atOnce / 2).toFixed(0),
    ],
    [
      'history kept',
      `volumes × ${renderBytes(large.copyHistoryBytes)} of one copy, for the retention`,
      renderBytes(VOLUMES * large.copyHistoryBytes),
    ],
    [
      'workflows open in one shard',
      `copies at once / ${SHARDS} shards`,
      (atOnce / SHARDS).toFixed(2),
    ],
  ];
  return [table(['quantity', 'from', 'is'], rows, 2)];
}

/** docs/scale.md */
export function scalePage(report: FleetBench): string {
  const large = report.fleets.at(-1)!;
  return [
    '# Scale',
    '',
    `Written by \`npm run bench -- --fleet ${large.volumes} --write-docs\`; the figures are of one run on one`,
    'machine, so that the ratios tell more than the seconds.',
    '',
    '## Measured',
    '',
    `Volumes of 1 MiB with random data on \`file\` storage, ${report.atOnce} at a time, each verified in full and`,
    'certified. One process is worker and mover, one is the Temporal dev server with SQLite, and all of',
    'them share the cores with the copiers: this is the cost of everything but bytes. The small fleet is',
    'measured first, after one that warms up. CPU is the seconds of the worker with its copiers, events are',
    'those of each run of the fleet, and MiB is the resident memory of the worker at most.',
    '',
    machineTable(report),
    '',
    fleetTable(report),
    '',
    targetTable(report),
    '',
    '## 100,000 volumes on a Temporal cluster',
    '',
    'This part is arithmetic from the figures above. It was not run.',
    '',
    ...plan(report),
    '',
    'What follows from it:',
    '',
    '- **Bytes rule, not Temporal.** The cluster takes a few events a second; one of three nodes with a',
    '  PostgreSQL database is far from its limits there. Take 512 history shards: their number cannot be',
    '  changed later. The dev server is one shard on SQLite, and not for this.',
    '- **Movers.** Replace the rate of one mover by what `npm run bench` measures on yours, with',
    '  verify. `copy.slots` of each worker says how many copies it runs at once, whatever fleets want.',
    '- **Fleets.** One plan has at most 10,000 volumes, since it travels as one payload. Several fleets',
    '  run side by side; their limits count for each alone, so give each its own backends or movers. What',
    '  all of them share is kept by the slots of the movers and by `lanes` of a backend.',
    '- **Workflow workers.** Workflows run on any worker that polls `dray`. A cached workflow takes',
    '  memory: plan one worker process for every few hundred copies at once, and lower what it caches',
    '  if it grows.',
    '- **Lists.** A fleet finds its parked copies by one query every two seconds. Use Elasticsearch, or a',
    '  SQL visibility store with the search attributes of `dray doctor`.',
    '- **Retention.** Reports read the history. Keep it for as long as people ask, and the certificates',
    '  (`dray report --html`) for longer.',
    '',
  ].join('\n');
}
