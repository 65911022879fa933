/** Structured log: a sentence and its facts. Never anything secret. */
export type Log = Record<
  'debug' | 'info' | 'warn' | 'error',
  (message: string, facts?: Record<string, unknown>) => void
>;
