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

/** The worker's structured log on stderr: pretty for people at a terminal, else JSON lines. */
export function createLog(settings: Config['log'], hostId: string): Log {
  const { isTTY } = process.stderr;
  const { level, format = isTTY ? 'pretty' : 'json' } = settings;
  const base = { host: hostId };
  const logger =
    format === 'pretty'
      ? pino({ level, base }, pretty({ destination: 2, colorize: isTTY, sync: true }))
      : pino({ level, base }, pino.destination(2));
  const write =
    (name: keyof Log) =>
    (message: string, facts: object = {}): void =>
      logger[name](plain(facts), message);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** What the SDK tells of its own workings is for those who look for it. */
const LEVELS: Record<LogLevel, keyof Log> = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'debug',
  WARN: 'warn',
  ERROR: 'error',
};
/** True of every Worker here on purpose: each serves one kind of task. */
const NO_NEWS = /^No (activities|workflows|Nexus services) registered/;

/** Temporal's own words go into the same log; once a process, before any connection. */
export function installRuntime(log: Log, { listen }: Config['metrics']): void {
  const metrics = listen === undefined ? {} : { metrics: { prometheus: { bindAddress: listen } } };
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) =>
      log[NO_NEWS.test(message) ? 'debug' : LEVELS[level]](message, meta),
    ),
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'WARN' } },
      ...metrics,
    },
  });
}
