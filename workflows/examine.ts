import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { BackendActivities } from '../activities/backend.ts';
import type { HostActivities } from '../activities/host.ts';
import {
  type ExamineInput,
  type Examination,
  failed,
  type Finding,
  type HostExamination,
  type HostToExamine,
  well,
  wrong,
} from '../contract/examination.ts';
import { backendQueue, hostQueue } from '../contract/queues.ts';
import { nowMs } from './clock.ts';
import { faultOf } from './faults.ts';

/** Somebody waits at a terminal, and a place that gives no answer is an answer. */
const PATIENCE = {
  scheduleToStartTimeout: '10 seconds',
  startToCloseTimeout: '25 seconds',
  heartbeatTimeout: '10 seconds',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { maximumAttempts: 1 },
} as const;

/** What a clock may be off before certificates and timetables suffer. Unit: milliseconds. */
const CLOCK_TOLERANCE = 5_000;

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(1);

/**
 * The host was asked between two moments of the server's clock, which is the workflow's: a time
 * outside of them proves how far its clock is off at least, one within how far at most.
 */
export function clockFinding(clockMs: number, beforeMs: number, afterMs: number): Finding {
  const behind = beforeMs - clockMs;
  const ahead = clockMs - afterMs;
  const off = Math.max(behind, ahead);
  if (off <= CLOCK_TOLERANCE) {
    const bound = Math.max(Math.abs(clockMs - beforeMs), Math.abs(afterMs - clockMs));
    return well('host.clock', `its clock is at most ${seconds(bound)} s off Temporal's`);
  }
  const direction = behind > ahead ? 'behind' : 'ahead of';
  return wrong(
    'host.clock',
    `its clock is at least ${seconds(off)} s ${direction} Temporal's`,
    'timedatectl set-ntp true',
  );
}

async function examineHost({ host, ...duties }: HostToExamine): Promise<HostExamination> {
  const queue = hostQueue(host);
  const activities = proxyActivities<HostActivities>({
    ...PATIENCE,
    taskQueue: queue,
    summary: host,
  });
  const before = nowMs();
  try {
    const { clockMs, keys, findings } = await activities.examineHost(duties);
    return { host, keys, findings: [clockFinding(clockMs, before, nowMs()), ...findings] };
  } catch (error) {
    return { host, findings: [failed('host.answer', faultOf(error, 'examineHost', queue))] };
  }
}

async function examineBackend(backend: string): Promise<Examination['backends'][number]> {
  const queue = backendQueue(backend);
  const activities = proxyActivities<BackendActivities>({
    ...PATIENCE,
    taskQueue: queue,
    summary: backend,
  });
  try {
    return { backend, findings: await activities.examineBackend() };
  } catch (error) {
    return {
      backend,
      findings: [failed('backend.answer', faultOf(error, 'examineBackend', queue))],
    };
  }
}

/** Has every place look at itself; none of them changes anything, and each answers or is told. */
export async function examine({ hosts, backends }: ExamineInput): Promise<Examination> {
  const [ofHosts, ofBackends] = await Promise.all([
    Promise.all(hosts.map(examineHost)),
    Promise.all(backends.map(examineBackend)),
  ]);
  return { hosts: ofHosts, backends: ofBackends };
}
