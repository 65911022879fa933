import type { Command } from 'commander';
import { randomUUID } from 'node:crypto';
import { DrayError } from '../../contract/errors.ts';
import { FLEET_NAME, type FleetOrder, MAX_AT_ONCE } from '../../contract/fleet.ts';
import type { Volume } from '../../contract/volume.ts';
import { type Context, type Outcome, perform } from '../command.ts';
import { renderPlanned } from '../render/fleet.ts';
import { addLimitOptions, type LimitOptions, readLimits, wholeNumber } from './limits.ts';
import type { Row } from './rows.ts';

type Options = LimitOptions & {
  csv?: string;
  backend?: string;
  to?: string;
  name?: string;
  host?: string;
  canary?: number;
  waveSize?: number;
  stopFailures: number;
  stopPercent?: number;
  window: string[];
  timeZone?: string;
  out?: string;
};

const refuse = (option: string, because: string): DrayError =>
  new DrayError('BadOption', { option, because });

/** Where volumes come from: exactly one of both. @throws BadOption */
function assertSource({ csv, backend, to, name }: Options): void {
  if ((csv === undefined) === (backend === undefined)) {
    throw refuse('--csv', 'give either --csv <file> or --backend <name> with --to <name>');
  }
  if ((backend === undefined) !== (to === undefined)) {
    throw refuse('--to', 'it goes with --backend <name>');
  }
  if (name !== undefined && backend === undefined) throw refuse('--name', 'it goes with --backend');
}

/** What there is on backends now, asked of each once. */
function lister({ config }: Context): (backend: string) => Promise<Volume[]> {
  const lists = new Map<string, Promise<Volume[]>>();
  return async (backend) => {
    const { manageVolume } = await import('../temporal/manage-volume.ts');
    const list = lists.get(backend) ?? manageVolume(config, { verb: 'list', backend });
    lists.set(backend, list);
    return list;
  };
}

function orderOf(name: string, options: Options): FleetOrder {
  const { stopFailures: failures, stopPercent: percent, window: windows, timeZone } = options;
  return {
    id: randomUUID(),
    name,
    madeAt: new Date().toISOString(),
    options: {},
    limits: { total: 4, ...readLimits(options) },
    stop: { failures, ...(percent === undefined ? {} : { percent }) },
    windows,
    timeZone: timeZone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

async function makePlan(context: Context, name: string, options: Options): Promise<Outcome> {
  if (!FLEET_NAME.test(name)) throw refuse('name', 'letters, digits and . _ -, at most 64');
  assertSource(options);
  const { readCsv } = await import('./csv.ts');
  const { backendsOf, inWaves, measure, rowsOfBackend } = await import('./make-plan.ts');
  const { readPlan, readText, renderPlan, writePlan } = await import('./plan-file.ts');
  const { assertNone } = await import('./problems.ts');
  const { readRows } = await import('./rows.ts');
  const { csv, backend = '', to = '', host = context.config.host, out = `${name}.yaml` } = options;
  const list = lister(context);
  const from = csv ?? `backend ${backend}`;
  const named = options.name === undefined ? {} : { name: options.name };
  const rows: Row[] =
    csv === undefined
      ? rowsOfBackend(await list(backend), { to, host, ...named })
      : readCsv(csv, readText(csv), host);
  if (rows.length === 0) assertNone(from, [{ line: 0, because: 'no volume has such a name' }]);
  const read = readRows(rows);
  assertNone(from, read.problems);
  const found = (await Promise.all(backendsOf(read.volumes).map(list))).flat();
  const lines = rows.map(({ line }) => line);
  const measured = measure(read.volumes, lines, found);
  assertNone(from, measured.problems);
  const text = renderPlan(orderOf(name, options), inWaves(measured.volumes, options));
  // What is written is what will be read.
  const plan = readPlan(out, text);
  await writePlan(out, text);
  const { order, volumes } = plan;
  return { json: { file: out, ...order, volumes }, text: renderPlanned(out, order, volumes) };
}

/** `dray fleet plan`: a file to be reviewed; nothing is started. */
export function addFleetPlanCommand(fleet: Command): void {
  const plan = fleet
    .command('plan')
    .argument('<name>', 'how the fleet is called')
    .description('write a plan to be reviewed, from a CSV file or from the volumes of a backend')
    .option(
      '--csv <file>',
      'columns source, destination and, if you like, host, wave, priority, tenant',
    )
    .option('--backend <name>', 'all of its volumes, each to the volume of the same id on --to')
    .option('--to <name>', 'the backend that they go to')
    .option('--name <pattern>', 'only volumes of such an id; * is any text, ? any character')
    .option('--host <id>', 'the host that copies, where the CSV names none (default: this host)')
    .option('--canary <count>', 'so many go first, and have to be done', wholeNumber(0, 1000))
    .option('--wave-size <count>', 'the others go in waves of so many', wholeNumber(1, 10_000));
  addLimitOptions(plan, 1, 'copies at work at once (default: 4)')
    .option(
      '--stop-failures <count>',
      'begin no more once so many failed or are parked',
      wholeNumber(1, MAX_AT_ONCE),
      10,
    )
    .option('--stop-percent <percent>', 'or once so many of 100 did', wholeNumber(1, 100))
    .option(
      '--window <times>',
      'begin only in these hours, as 22:00-06:00; may be repeated',
      (times: string, before: string[]) => [...before, times],
      [] as string[],
    )
    .option('--time-zone <name>', "of the windows, as Europe/Berlin (default: this host's)")
    .option('--out <file>', 'where the plan is written (default: <name>.yaml)')
    .action(perform<Options>((context, options, name = '') => makePlan(context, name, options)));
}
