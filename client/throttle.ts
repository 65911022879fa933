import type { Command } from 'commander';
import { type RateLimit, THROTTLE_UPDATE, type ThrottleRequest } from '../contract/control.ts';
import { readRate } from './arguments.ts';
import { change } from './change.ts';
import { perform } from './command.ts';
import { renderBytes } from './render/quantities.ts';

/** `dray throttle`: another bandwidth limit for a copy that runs. */
export function addThrottleCommand(program: Command): void {
  program
    .command('throttle')
    .argument('<id>', 'workflow id, or backend:id of the source')
    .argument('<rate>', 'for example 200MiB/s, or off for no limit')
    .description('limit the rate of a copy from now on, also on another host')
    .option('--reason <text>', 'kept in the history and in the report')
    .action(
      perform<{ reason?: string }>(async ({ config }, { reason }, id = '', rate = '') => {
        const limit: RateLimit = rate === 'off' ? 'unlimited' : readRate('<rate>', rate);
        const because = reason === undefined ? {} : { reason };
        const request: ThrottleRequest = { limit, ...because };
        const said =
          limit === 'unlimited' ? 'has no limit any more' : `is limited to ${renderBytes(limit)}/s`;
        return change(config, id, THROTTLE_UPDATE, request, said);
      }),
    );
}
