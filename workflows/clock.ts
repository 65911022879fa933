/** The workflow's own clock: the sandbox replays Date from the history. ISO 8601. */
export function now(): string {
  // eslint-disable-next-line no-restricted-globals -- the one place where workflows read the time
  return new Date().toISOString();
}
