import type { Command } from 'commander';
import { RESUME_UPDATE, type ResumeRequest } from '../contract/control.ts';
import { change } from './change.ts';
import { perform } from './command.ts';

/** `dray resume`: a paused copy goes on where it stopped. */
export function addResumeCommand(program: Command): void {
  program
    .command('resume')
    .argument('<id>', 'workflow id, or backend:id of the source')
    .description('go on with a paused copy')
    .option('--reason <text>', 'kept in the history and in the report')
    .action(
      perform<ResumeRequest>(({ config }, { reason }, id = '') => {
        const request: ResumeRequest = reason === undefined ? {} : { reason };
        return change(config, id, RESUME_UPDATE, request, 'goes on');
      }),
    );
}
