import { execa, type Options } from 'execa';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../client/main.ts');
const TSX = import.meta.resolve('tsx');

export type DrayRun = { status: number | undefined; stdout: string; stderr: string };

/** `dray` as a subprocess from the checkout, with nothing of this machine's own settings. */
export function spawnDray(
  args: string[],
  env: Record<string, string> = {},
  options: Options = {},
  /** Words before `node`, for example to give it a mount namespace of its own. */
  wrapper: string[] = [],
) {
  const [program = '', ...words] = [...wrapper, process.execPath, '--import', TSX, MAIN, ...args];
  return execa(program, words, {
    reject: false,
    stdin: 'ignore',
    ...options,
    extendEnv: false,
    env: {
      PATH: process.env['PATH'] ?? '',
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? '',
      HOME: process.env['HOME'] ?? '',
      TMPDIR: tmpdir(),
      DRAY_TEST_RUN: process.env['DRAY_TEST_RUN'] ?? '',
      XDG_CONFIG_HOME: '/nonexistent',
      TEMPORAL_CONFIG_FILE: '/nonexistent',
      ...env,
    },
  });
}

export async function dray(args: string[], env: Record<string, string> = {}): Promise<DrayRun> {
  const { exitCode, stdout, stderr } = await spawnDray(args, env);
  return { status: exitCode, stdout: String(stdout), stderr: String(stderr) };
}
