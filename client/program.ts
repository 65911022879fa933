import { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { addArchiveCommand } from './archive.ts';
import { addCancelCommand } from './cancel.ts';
import { addConfigCommand } from './config.ts';
import { addCopyCommand } from './copy.ts';
import { addDecideCommand } from './decide.ts';
import { addDemoCommand } from './demo.ts';
import { EXIT_MEANINGS } from './exit-codes.ts';
import { addDoctorCommand } from './doctor.ts';
import { addFleetCommand } from './fleet.ts';
import { addKeyCommand } from './key.ts';
import { addLeaksCommand } from './leaks.ts';
import { addListCommand } from './list.ts';
import { packageFile } from './package-file.ts';
import { addPauseCommand } from './pause.ts';
import { addReplayCommand } from './replay.ts';
import { addReportCommand } from './report.ts';
import { addResumeCommand } from './resume.ts';
import { addServerCommand } from './server.ts';
import { addShowCommand } from './show.ts';
import { addThrottleCommand } from './throttle.ts';
import { addVerifyCommand } from './verify.ts';
import { addVolumeCommand } from './volume.ts';
import { addWatchCommand } from './watch.ts';
import { addWhyCommand } from './why.ts';
import { addWorkerCommand } from './worker.ts';

/** The commands in the order in which `dray --help` lists them. */
const commands = [
  addDemoCommand,
  addServerCommand,
  addWorkerCommand,
  addKeyCommand,
  addDoctorCommand,
  addVolumeCommand,
  addCopyCommand,
  addVerifyCommand,
  addListCommand,
  addShowCommand,
  addWhyCommand,
  addWatchCommand,
  addThrottleCommand,
  addPauseCommand,
  addResumeCommand,
  addReportCommand,
  addArchiveCommand,
  addCancelCommand,
  addDecideCommand,
  addFleetCommand,
  addLeaksCommand,
  addReplayCommand,
  addConfigCommand,
];

const EXIT_CODES = `
Exit codes:
${Object.entries(EXIT_MEANINGS)
  .map(([code, meaning]) => `  ${code}  ${meaning}`)
  .join('\n')}`;

function version(): string {
  return (JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string }).version;
}

/** The whole command line of `dray`. */
export function buildProgram(): Command {
  const program = new Command('dray')
    .description('Moves block volumes between storage systems, durably, and leaves nothing behind.')
    .version(version())
    .option('--config <file>', 'settings (default: $DRAY_CONFIG, else the file in ~/.config)')
    .option('--json', 'print one JSON document on stdout and nothing else there')
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
    // What commander has to say about bad usage is printed once, in the words of every error.
    .configureOutput({ outputError: () => undefined });
  for (const add of commands) add(program);
  return program;
}
