import type { ErrorDescription } from '../../contract/errors.ts';

/** What went wrong and what to do, for people. */
export function renderError({ code, message, whatToDo }: ErrorDescription): string {
  return `dray: ${code}: ${message}\n  ${whatToDo}`;
}
