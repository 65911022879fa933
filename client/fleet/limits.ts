import { type Command, InvalidArgumentError } from 'commander';
import { type FleetLimits, MAX_AT_ONCE } from '../../contract/fleet.ts';

/** A whole number within bounds; commander tells which option had another one. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`it must be a whole number from ${least} to ${most}.`);
  };
}

export type LimitOptions = {
  atOnce?: number;
  perBackend?: number;
  perHost?: number;
  perPair?: number;
  perTenant?: number;
};

/** The options that say how many copies are at work at once; `least` 0 where a limit can go away. */
export function addLimitOptions(command: Command, least: 0 | 1, total: string): Command {
  const count = wholeNumber(least, MAX_AT_ONCE);
  return command
    .option('--at-once <count>', total, wholeNumber(1, MAX_AT_ONCE))
    .option('--per-backend <count>', 'from or to each backend', count)
    .option('--per-host <count>', 'on each mover', count)
    .option('--per-pair <count>', 'from each backend to each other one', count)
    .option('--per-tenant <count>', 'of each tenant', count);
}

/** What was asked for, and nothing else. */
export function readLimits({ atOnce: total, ...others }: LimitOptions): Partial<FleetLimits> {
  const { perBackend, perHost, perPair, perTenant } = others;
  const all = Object.entries({ total, perBackend, perHost, perPair, perTenant });
  return Object.fromEntries(all.filter(([, limit]) => limit !== undefined));
}
