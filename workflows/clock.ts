/** The workflow's own clock: the sandbox replays Date from the history. ISO 8601. */
export function now(): string {
  // eslint-disable-next-line no-restricted-globals -- the one file where workflows read the time
  return new Date().toISOString();
}

/** The same in milliseconds since 1970. */
export function nowMs(): number {
  // eslint-disable-next-line no-restricted-globals -- as above
  return Date.now();
}

/** Milliseconds until a moment, given as ISO 8601. */
export function msUntil(iso: string): number {
  // eslint-disable-next-line no-restricted-globals -- as above
  return Date.parse(iso) - nowMs();
}
