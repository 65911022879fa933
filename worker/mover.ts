import type { HostContext } from '../activities/context.ts';
import { createCopyActivities } from '../activities/copy.ts';
import { createHostActivities } from '../activities/host.ts';
import { noEncryptor } from '../connectors/no-encryptor.ts';
import {
  connectorProperties,
  defaultInitiator,
  openConnectors,
} from '../connectors/open-connectors.ts';
import { copyQueue, hostQueue } from '../contract/queues.ts';
import { LaneBudget } from '../copy/lane-budget.ts';
import { listClaims } from '../system/claims.ts';
import type { LoadedConfig } from '../system/config/load.ts';
import { parseTimetable } from '../system/config/timetable.ts';
import type { HostState } from '../system/host-state.ts';
import type { Log } from '../system/log.ts';
import type { Duty, WorkerContext } from './duty.ts';
import { giveUpLost } from './give-up.ts';
import { serveSteps } from './serve.ts';
import { takeOver } from './takeover.ts';

/** The limits of backends, of those that have one. */
function lanesOf({ backends }: LoadedConfig): Record<string, number> {
  const limits = Object.entries(backends).map(([name, { lanes }]) => [name, lanes] as const);
  return Object.fromEntries(limits.flatMap(([name, l]) => (l === undefined ? [] : [[name, l]])));
}

function hostContext(config: LoadedConfig, state: HostState, log: Log): HostContext {
  const initiator = config.iscsi.initiator ?? defaultInitiator(config.host);
  const connectors = openConnectors({
    epoch: state.epoch,
    initiator,
    attachmentsDir: state.dirs.attachments,
  });
  const { bytesPerSecond, timetable, ionice } = config.copy;
  const lanes = { lanes: config.copy.lanes, lanesOf: lanesOf(config) };
  return {
    state,
    connectors,
    encryptor: noEncryptor(),
    properties: () => connectorProperties(config.host, connectors, initiator),
    copy: {
      ...lanes,
      ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
      ...(timetable === undefined ? {} : { timetable: parseTimetable(timetable) }),
      ...(ionice === undefined ? {} : { ionice }),
    },
    laneBudget: new LaneBudget(lanes),
    log,
  };
}

/** Attaches volumes on this host and copies. @throws StateUnwritable */
export async function openMover(context: WorkerContext): Promise<Duty> {
  const { config, log } = context;
  const state = await takeOver(config, 'mover', log);
  const host = hostContext(config, state, log);
  const queue = hostQueue(config.host);
  return {
    state,
    places: [queue],
    giveUp: () => giveUpLost(context.client, host),
    createWorkers: () =>
      Promise.all([
        serveSteps(context, state, queue, createHostActivities(host)),
        serveSteps(
          context,
          state,
          copyQueue(config.host),
          createCopyActivities(host),
          config.copy.slots,
        ),
      ]),
    listAttachments: async () => {
      const claims = await listClaims(state.dirs.claims, (file, error) => {
        log.error('what is held cannot be read', { what: file, error });
        return [];
      });
      return claims.map((claim) => claim.attachment);
    },
    close: () => Promise.resolve(),
  };
}
