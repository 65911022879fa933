import { defineQuery, defineUpdate, setHandler } from '@temporalio/workflow';
import { describeError } from '../../contract/errors.ts';
import {
  FLEET_STATUS_QUERY,
  FLEET_UPDATES,
  type FleetAnswer,
  type FleetLimits,
  type FleetRequest,
  type FleetStatus,
  type FleetUpdate,
  MAX_AT_ONCE,
} from '../../contract/fleet.ts';
import { failureOf } from '../faults.ts';
import type { Said, Told } from './answers.ts';

const DESCRIPTIONS: Record<FleetUpdate, string> = {
  pause: 'Begin no more volumes; copies at work go on to their end',
  resume: 'Go on after a pause or a stop; the failures so far do not stop it again',
  resize: 'Change how many copies are at work at once; a limit of 0 takes it away',
  cancel: 'Begin no more volumes and cancel the copies at work, unless leaveRunning says otherwise',
  retry: 'Begin again what failed, and with cancelled what was cancelled',
};

const LIMITS: readonly (keyof FleetLimits)[] = [
  'total',
  'perBackend',
  'perHost',
  'perPair',
  'perTenant',
];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Why limits cannot be what is asked for; undefined when they can. */
function whyBadLimits(limits: unknown): string | undefined {
  if (!isObject(limits) || Object.keys(limits).length === 0) return 'it needs limits';
  for (const [name, limit] of Object.entries(limits)) {
    if (!LIMITS.includes(name as 'total')) return `there is no limit called ${name}`;
    const least = name === 'total' ? 1 : 0;
    const fits = Number.isSafeInteger(limit) && (limit as number) >= least;
    if (!fits || (limit as number) > MAX_AT_ONCE) {
      return `${name} is a whole number from ${least} to ${MAX_AT_ONCE}`;
    }
  }
  return undefined;
}

/** Why a request cannot be read; undefined when it can. */
function whyUnreadable(update: FleetUpdate, request: unknown): string | undefined {
  if (request === undefined && update !== 'resize') return undefined;
  if (!isObject(request)) return 'its argument is an object';
  if (typeof (request['reason'] ?? '') !== 'string') return 'a reason is text';
  for (const flag of ['leaveRunning', 'cancelled']) {
    if (typeof (request[flag] ?? false) !== 'boolean') return `${flag} is true or false`;
  }
  return update === 'resize' ? whyBadLimits(request['limits']) : undefined;
}

export type Desk = {
  told: Told;
  /** Why it is too late; undefined when it is not. */
  refusal: (update: FleetUpdate) => string | undefined;
  status: () => FleetStatus;
  onTold: () => void;
};

/** Where people tell a fleet what they want, and ask how it is. */
export function openDesk(name: string, { told, refusal, status, onTold }: Desk): void {
  const tell = (update: FleetUpdate, request: FleetRequest): FleetAnswer => {
    const act = told[update] as (request: FleetRequest) => Said;
    const said = act(request);
    onTold();
    return { ...said, phase: status().phase };
  };
  for (const update of FLEET_UPDATES) {
    setHandler(
      defineUpdate<FleetAnswer, [FleetRequest | undefined]>(update),
      (request) => tell(update, request ?? {}),
      {
        description: DESCRIPTIONS[update],
        validator: (request) => {
          const because = whyUnreadable(update, request) ?? refusal(update);
          if (because === undefined) return;
          throw failureOf(describeError('FleetRefused', { change: update, name, because }));
        },
      },
    );
  }
  setHandler(defineQuery<FleetStatus>(FLEET_STATUS_QUERY), status, {
    description: 'Counts, waves, what is parked and what failed',
  });
}
