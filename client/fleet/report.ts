import type { Command } from 'commander';
import { type Context, type Outcome, perform } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { renderFleetReport } from '../render/fleet-report.ts';

async function report({ config }: Context, name: string): Promise<Outcome> {
  const { withClient } = await import('../temporal/with-client.ts');
  const { reportFleet } = await import('../temporal/fleet-report.ts');
  const found = await withClient(config, (client) => reportFleet(client, name));
  const isWhole = found.volumes.every(({ state }) => state === 'done');
  const exitCode = isWhole ? EXIT.done : EXIT.failed;
  return { json: found, text: renderFleetReport(found), exitCode };
}

/** `dray fleet report`: every volume with what became of it. */
export function addFleetReportCommand(fleet: Command): void {
  fleet
    .command('report')
    .argument('<name>', 'name of the fleet')
    .description('every volume, what became of it and when; ends with 1 unless all are done')
    .action(perform((context, _options, name = '') => report(context, name)));
}
