import type { IoPriority } from '../../contract/copy.ts';

/** ionice(1) before a program, as Cinder puts it; nothing without a priority. */
export function ioniceArguments(priority: IoPriority | undefined): string[] {
  if (priority === undefined) return [];
  // Class 3 (idle) has no levels; ionice would warn about one.
  const level = priority.level === undefined || priority.class === 3 ? [] : [`-n${priority.level}`];
  return ['ionice', `-c${priority.class}`, ...level];
}
