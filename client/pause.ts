import type { Command } from 'commander';
import { PAUSE_UPDATE, type PauseRequest } from '../contract/control.ts';
import { change } from './change.ts';
import { perform } from './command.ts';

/** `dray pause`: the copy stands still until `dray resume`. */
export function addPauseCommand(program: Command): void {
  program
    .command('pause')
    .argument('<id>', 'workflow id, or backend:id of the source')
    .description('pause a copy; what is copied stays copied')
    .option('--release', 'detach both volumes; they stay reserved, and any host may go on')
    .option('--reason <text>', 'kept in the history and in the report')
    .action(
      perform<PauseRequest>(({ config }, request, id = '') => {
        const said = `pauses; go on with: dray resume ${id}`;
        return change(config, id, PAUSE_UPDATE, request, said);
      }),
    );
}
