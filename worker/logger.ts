import { DefaultLogger, type LogLevel, Runtime } from '@temporalio/worker';
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from '../system/config/schema.ts';
import type { Log } from '../system/log.ts';

/** BigInt and Error members of a log entry in a form that JSON can carry. */
function plain(facts: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([key, value]: [string, unknown]) => {
      if (typeof value === 'bigint') return [key, Number(value)];
      if (value instanceof Error) return [key, { name: value.name, message: value.message }];
      return [key, value];
    }),
  );
}

/** The worker's structured log on stderr: JSON lines for machines, or pretty for people. */
export function createLog({ level, format }: Config['log'], hostId: string): Log {
  const base = { host: hostId };
  const logger =
    format === 'pretty'
      ? pino({ level, base }, pretty({ destination: 2, colorize: process.stderr.isTTY }))
      : pino({ level, base }, pino.destination(2));
  const write =
    (name: keyof Log) =>
    (message: string, facts: object = {}): void =>
      logger[name](plain(facts), message);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

const LEVELS: Record<LogLevel, keyof Log> = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};

/** Temporal's own words go into the same log; once a process, before any connection. */
export function installRuntime(log: Log): void {
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) =>
      log[LEVELS[level]](message, meta),
    ),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'WARN' } } },
  });
}
