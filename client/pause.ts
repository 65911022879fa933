import type { Command } from 'commander';
import { PAUSE_UPDATE, type PauseRequest } from '../contract/control.ts';
import { change } from './change.ts';
import { perform } from './command.ts';

/** `dray pause`: the copy stands still until `dray resume`. */
export function addPauseCommand(program: Command): void {
  program
    .command('pause')
    .argument('<id>', 'workflow id, or backend:id of the source')
    .description('pause a copy; both volumes stay attached, and what is copied stays copied')
    .option('--reason <text>', 'kept in the history and in the report')
    .action(
      perform<PauseRequest>(({ config }, { reason }, id = '') => {
        const request: PauseRequest = reason === undefined ? {} : { reason };
        return change(config, id, PAUSE_UPDATE, request, 'pauses; go on with dray resume');
      }),
    );
}
