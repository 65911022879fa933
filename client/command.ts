import type { Command } from 'commander';
import type { LoadedConfig } from '../system/config/load.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

/** What every command is given beside its own arguments. */
export type Context = { config: LoadedConfig; json: boolean };

/** What a command answers: one document for machines, text for people. */
export type Outcome = { json: unknown; text: string; exitCode?: ExitCode };

export type GlobalOptions = { config?: string; json?: boolean };

type Work<O> = (context: Context, options: O, ...args: string[]) => Promise<Outcome | undefined>;

/** Writes an outcome: with --json exactly one document on stdout, else text. */
export function writeOutcome(outcome: Outcome, json: boolean): void {
  const text = json ? JSON.stringify(outcome.json, undefined, 2) : outcome.text;
  if (text !== '') process.stdout.write(`${text}\n`);
  process.exitCode = outcome.exitCode ?? EXIT.done;
}

/** A line for people beside the answer, for example progress; always on stderr. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * A commander action from a function of settings, options and arguments. A command that has
 * written for itself answers undefined.
 */
export function perform<O>(work: Work<O>): (...all: unknown[]) => Promise<void> {
  return async (...all) => {
    const command = all.at(-1) as Command;
    const { config: file, json = false } = command.optsWithGlobals<GlobalOptions>();
    const { loadConfig } = await import('../system/config/load.ts');
    const context = { config: loadConfig(file), json };
    const args = all.slice(0, -2) as string[];
    const outcome = await work(context, command.opts<O & object>(), ...args);
    if (outcome !== undefined) writeOutcome(outcome, json);
  };
}
