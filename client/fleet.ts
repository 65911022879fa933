import type { Command } from 'commander';
import { DrayError } from '../contract/errors.ts';
import type { FleetRequest, FleetUpdate } from '../contract/fleet.ts';
import { type Context, type Outcome, perform } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { addLimitOptions, type LimitOptions, readLimits } from './fleet/limits.ts';
import { addFleetPlanCommand } from './fleet/plan.ts';
import { addFleetReportCommand } from './fleet/report.ts';
import { renderFleet, renderFleets } from './render/fleet.ts';

async function start({ config }: Context, file: string): Promise<Outcome> {
  const { readPlan, readText } = await import('./fleet/plan-file.ts');
  const { backendsOf } = await import('./fleet/make-plan.ts');
  const { order, volumes, packed } = readPlan(file, readText(file));
  const { withClient } = await import('./temporal/with-client.ts');
  const { assertKnown } = await import('./temporal/preconditions.ts');
  const { startFleet } = await import('./temporal/fleet.ts');
  return withClient(config, async (client) => {
    const backends = backendsOf(volumes).map((backend) => ({ backend, id: '' }));
    const hosts = new Set(volumes.map(({ host }) => host));
    await assertKnown(client, config, backends, [...hosts]);
    const input = { order, volumes: packed, timeLimits: config.limits };
    const { already, ...started } = await startFleet(client, input);
    const said = already ? 'runs already' : `copies ${volumes.length} volumes`;
    const text = `${started.workflowId} ${said}\nsee it with: dray fleet status ${order.name}`;
    return { json: { ...started, status: already ? 'running' : 'started' }, text };
  });
}

async function show({ config }: Context, name: string | undefined): Promise<Outcome> {
  const { withClient } = await import('./temporal/with-client.ts');
  const { listFleets, showFleet } = await import('./temporal/fleet.ts');
  if (name === undefined) {
    const fleets = await withClient(config, listFleets);
    return { json: fleets, text: renderFleets(fleets) };
  }
  const shown = await withClient(config, (client) => showFleet(client, name));
  const waits = shown.status?.phase === 'stopped' || (shown.status?.parked.length ?? 0) > 0;
  return {
    json: shown,
    text: renderFleet(name, shown),
    exitCode: waits ? EXIT.waitsForDecision : EXIT.done,
  };
}

async function tell(
  { config }: Context,
  name: string,
  change: FleetUpdate,
  request: FleetRequest,
): Promise<Outcome> {
  const { withClient } = await import('./temporal/with-client.ts');
  const { retryFleet, tellFleet } = await import('./temporal/fleet.ts');
  const answer = await withClient(config, (client) =>
    change === 'retry'
      ? retryFleet(client, name, request)
      : tellFleet(client, name, change, request),
  );
  const text = `fleet ${name} ${answer.said}\nsee it with: dray fleet status ${name}`;
  return { json: { name, ...answer }, text };
}

type Reason = { reason?: string };

function addTellCommand(fleet: Command, change: FleetUpdate, description: string): Command {
  return fleet
    .command(change)
    .argument('<name>', 'name of the fleet')
    .description(description)
    .option('--reason <text>', 'kept in the history and in the report');
}

function addResizeCommand(fleet: Command): void {
  const resize = addTellCommand(fleet, 'resize', 'change how many copies are at work at once');
  addLimitOptions(resize, 0, 'in all; of the others 0 takes a limit away').action(
    perform<LimitOptions & Reason>((context, { reason, ...options }, name = '') => {
      const limits = readLimits(options);
      if (Object.keys(limits).length === 0) {
        throw new DrayError('BadOption', { option: 'resize', because: 'name a limit to change' });
      }
      const request = { limits, ...(reason === undefined ? {} : { reason }) };
      return tell(context, name, 'resize', request);
    }),
  );
}

/** `dray fleet`: many volumes by one plan. */
export function addFleetCommand(program: Command): void {
  const fleet = program
    .command('fleet')
    .description('copy many volumes by a plan, in waves, within limits');
  addFleetPlanCommand(fleet);
  fleet
    .command('start')
    .argument('<plan>', 'file of `dray fleet plan`')
    .description('carry out a plan; started again, it goes on with what is not done')
    .action(perform((context, _options, file = '') => start(context, file)));
  fleet
    .command('status')
    .argument('[name]', 'name of the fleet (default: list all)')
    .description('how far a fleet is, what failed and what waits for a decision')
    .action(perform((context, _options, name?: string) => show(context, name)));
  const telling = (change: FleetUpdate) =>
    perform<FleetRequest>((context, options, name = '') => tell(context, name, change, options));
  addTellCommand(fleet, 'pause', 'begin no more volumes; copies at work go on').action(
    telling('pause'),
  );
  addTellCommand(fleet, 'resume', 'go on after a pause, or after a stop for failures').action(
    telling('resume'),
  );
  addResizeCommand(fleet);
  addTellCommand(fleet, 'cancel', 'begin no more volumes and cancel the copies at work')
    .option('--leave-running', 'copies at work go on to their end')
    .action(telling('cancel'));
  addTellCommand(fleet, 'retry', 'begin again what failed, also of a fleet that is over')
    .option('--cancelled', 'also what was cancelled')
    .action(telling('retry'));
  addFleetReportCommand(fleet);
}
