import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { DrayError } from '../../contract/errors.ts';
import { configSchema, type Config } from './schema.ts';

/** What is in force, and the file it came from. */
export type LoadedConfig = Config & { file: string | undefined };

/** $XDG_CONFIG_HOME/drayage/config.yaml, or ~/.config/drayage/config.yaml. */
function defaultFile(): string {
  return join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'drayage/config.yaml');
}

function defaultStateDir(): string {
  return join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local/state'), 'drayage');
}

function readText(file: string, required: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const because = (error as Error).message;
    throw new DrayError('ConfigUnreadable', { file, because }, { cause: error });
  }
}

function parse(file: string, text: string): unknown {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw new DrayError('ConfigInvalid', { file, problems: problem.message });
  }
  try {
    return document.toJS() ?? {};
  } catch (error) {
    // An alias of nothing, or one that would fill the memory.
    throw new DrayError('ConfigInvalid', { file, problems: (error as Error).message });
  }
}

/** One phrase a problem: the key, then the reason. */
function describe(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.map((key) => [path, key].filter(Boolean).join('.'));
    return `${keys.join(', ')}: is not a key that Drayage knows`;
  }
  return `${path || '(the whole file)'}: ${issue.message}`;
}

/**
 * Settings from `--config`, else $DRAY_CONFIG, else the default file, which may be missing.
 * $DRAY_STATE_DIR replaces the default state directory.
 * @throws ConfigUnreadable, ConfigInvalid naming file, key and reason
 */
export function loadConfig(path?: string): LoadedConfig {
  const named = path ?? process.env['DRAY_CONFIG'];
  const file = named ?? defaultFile();
  const text = readText(file, named !== undefined);
  const settings = text === undefined ? {} : parse(file, text);
  const stateDir = process.env['DRAY_STATE_DIR'] ?? defaultStateDir();
  const withDefaults =
    typeof settings === 'object' && !Array.isArray(settings)
      ? { stateDir, ...(settings as object) }
      : settings;
  const result = configSchema.safeParse(withDefaults);
  if (!result.success) {
    const problems = result.error.issues.map(describe).join('; ');
    throw new DrayError('ConfigInvalid', { file, problems });
  }
  return { ...result.data, file: text === undefined ? undefined : file };
}
