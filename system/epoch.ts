import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DrayError } from '../contract/errors.ts';
import { runTool } from './run.ts';

/**
 * One worker a host id. The file holds a number that every new worker raises; whoever finds a
 * higher one than its own has been superseded and changes nothing any more.
 */
export type Epoch = { number: number; file: string; hostId: string };

/** Synchronous on purpose: nothing may run between the check and the act it guards. */
export function assertCurrent(epoch: Epoch): void {
  const current = readEpoch(epoch.file);
  if (current !== epoch.number) {
    throw new DrayError('WorkerSuperseded', { host: epoch.hostId, epoch: current });
  }
}

/** The number in the file; 0, which no worker has, when there is none. */
export function readEpoch(file: string): number {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return /^\d{1,15}$/.test(text) ? Number(text) : 0;
  } catch {
    return 0;
  }
}

/** Exit status of a guarded program whose worker has lost the right to start it. */
export const FENCED_STATUS = 76;

/**
 * argv that compares files with expected lines and becomes the program only if all agree, in the
 * child itself: a worker that was stopped between its own check and the start changes nothing.
 */
export function guarded(
  expected: readonly { file: string; line: string }[],
  argv: readonly string[],
): string[] {
  const check = expected
    .map((_, i) => `read -r l <"$${2 * i + 1}" && [ "$l" = "$${2 * i + 2}" ]`)
    .join(' && ');
  const script = `{ ${check}; } 2>/dev/null || exit ${FENCED_STATUS}; shift ${2 * expected.length}; exec "$@"`;
  return ['sh', '-c', script, 'guard', ...expected.flatMap((e) => [e.file, e.line]), ...argv];
}

/** The guard for an epoch alone. */
export function epochLine(epoch: Epoch): { file: string; line: string } {
  return { file: epoch.file, line: String(epoch.number) };
}

const RAISE = `
  read -r n <"$1" || n=0
  n=$((n + 1))
  printf '%s\\n' "$n" >"$1.new" && sync "$1.new" && mv "$1.new" "$1" && sync "$(dirname "$1")" || exit 1
  echo "$n"`;

/**
 * Takes the host id over: from its return on, every other worker of this state directory is stale.
 * @throws StateUnwritable
 */
export async function raiseEpoch(file: string, hostId: string): Promise<Epoch> {
  const raise = await runTool('flock', [`${file}.lock`, 'sh', '-c', RAISE, 'raise', file]);
  const number = Number(raise.stdout.trim());
  if (raise.status !== 0 || !Number.isSafeInteger(number) || number < 1) {
    throw new DrayError('StateUnwritable', { path: dirname(file), because: raise.stderr.trim() });
  }
  return { number, file, hostId };
}
