import type { Command } from 'commander';
import type { Place } from '../contract/examination.ts';
import { perform } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { countFindings, renderPlaces } from './render/findings.ts';

/** Warnings and what could not be looked at keep nothing from working. */
function exitCodeFor(places: readonly Place[]): ExitCode {
  const wrong = places.flatMap(({ findings }) => findings).filter((f) => f.state === 'wrong');
  if (wrong.some(({ check }) => check === 'temporal.answer')) return EXIT.temporalUnreachable;
  return wrong.length > 0 ? EXIT.failed : EXIT.done;
}

/** `dray doctor`: what is wrong, and what mends it. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('look at Temporal, hosts and backends; say what is wrong and what mends it')
    .option('--host <id...>', 'hosts that copies are to run on (default: this host)')
    .action(
      perform<{ host?: string[] }>(async ({ config }, { host }) => {
        const { diagnose } = await import('./temporal/doctor/diagnose.ts');
        const places = await diagnose(config, host);
        const json = { places, counts: countFindings(places) };
        return { json, text: renderPlaces(places), exitCode: exitCodeFor(places) };
      }),
    );
}
