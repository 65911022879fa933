import { DrayError } from '../../contract/errors.ts';
import type { Problem } from './rows.ts';

/** More would bury the first ones. */
const SHOWN = 100;

/** All of them at once, in the order of the file; a line of 0 concerns the whole of it. */
export function refuse(file: string, problems: readonly Problem[], cause?: unknown): DrayError {
  const lines = problems
    .toSorted((a, b) => a.line - b.line)
    .map(({ line, because }) => (line === 0 ? because : `line ${line}: ${because}`));
  const more = lines.length - SHOWN;
  const shown = [...lines.slice(0, SHOWN), ...(more > 0 ? [`and ${more} more`] : [])];
  const text = shown.map((line) => `\n  ${line}`).join('');
  return new DrayError('FleetPlanInvalid', { file, problems: text }, { cause });
}

/** @throws FleetPlanInvalid where there are any */
export function assertNone(file: string, problems: readonly Problem[]): void {
  if (problems.length > 0) throw refuse(file, problems);
}
