#!/usr/bin/env node
import { CommanderError } from 'commander';
import { DrayError } from '../contract/errors.ts';
import { writeOutcome } from './command.ts';
import { exitCodeOf } from './exit-codes.ts';
import { describeFailure, errorDocument } from './failure.ts';
import { buildProgram } from './program.ts';
import { renderError } from './render/error.ts';

/** Bad usage, in the words of the catalogue; undefined where help or version were asked for. */
function usageError(error: CommanderError): DrayError | undefined {
  if (error.exitCode === 0) return undefined;
  const because =
    error.code === 'commander.help'
      ? 'a command is missing'
      : error.message.replace(/^error: /, '');
  return new DrayError('BadOption', { option: 'command line', because }, { cause: error });
}

async function main(argv: string[]): Promise<void> {
  try {
    await buildProgram().parseAsync(argv);
  } catch (thrown) {
    const error = thrown instanceof CommanderError ? usageError(thrown) : thrown;
    if (error === undefined) return;
    const description = describeFailure(error);
    process.stderr.write(`${renderError(description)}\n`);
    const exitCode = exitCodeOf(description);
    // Bad usage may hide --json from the parser, so it is looked for in the arguments.
    const json = { error: errorDocument(description) };
    writeOutcome({ json, text: '', exitCode }, argv.includes('--json'));
  }
}

await main(process.argv);
