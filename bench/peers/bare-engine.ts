/**
 * A program of its own: one copy by the project's own plan and engine, as a worker makes it, without
 * Temporal; verified only where the options say so. Prints what it took, from the plan to the last
 * flush or comparison. A second run with the same state directory goes on where the first one was
 * killed.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CopyOptions, CopyPlan } from '../../contract/copy.ts';
import type * as Limits from '../../contract/limits.ts';
import type * as Budget from '../../copy/lane-budget.ts';
import type * as Copier from '../../copy/copier.ts';
import type { DataRun } from '../../copy/data-run.ts';
import type * as Plan from '../../copy/plan.ts';
import type * as Verify from '../../copy/verify.ts';
import type * as EpochModule from '../../system/epoch.ts';
import type * as HostState from '../../system/host-state.ts';
import { cpuOfEnded, type Cost } from './cost.ts';

export type BareCopy = {
  /** The compiled package: a TypeScript loader would be measured too. */
  dist: string;
  stateDirectory: string;
  source: string;
  destination: string;
  sizeBytes: number;
  readsAsZeros: boolean;
  options: CopyOptions;
  digests: boolean;
  /** The most of them. */
  lanes: number;
};

const job = JSON.parse(process.argv[2] ?? '') as BareCopy;
const load = (module: string): Promise<unknown> =>
  import(pathToFileURL(join(job.dist, module)).href);

const { planCopy } = (await load('copy/plan.js')) as typeof Plan;
const { runVerify } = (await load('copy/verify.js')) as typeof Verify;
const { LaneBudget } = (await load('copy/lane-budget.js')) as typeof Budget;
const { runCopy } = (await load('copy/copier.js')) as typeof Copier;
const { raiseEpoch } = (await load('system/epoch.js')) as typeof EpochModule;
const { makeStateDirs, stateDirs } = (await load('system/host-state.js')) as typeof HostState;
const { DEFAULT_LIMITS } = (await load('contract/limits.js')) as typeof Limits;

const HOST = 'bare';
const dirs = stateDirs(job.stateDirectory);
await makeStateDirs(dirs);
const epoch = await raiseEpoch(join(dirs.root, 'epoch'), HOST);
const { source, destination, sizeBytes, readsAsZeros, options, lanes } = job;
const ends = {
  source: { path: source, sizeBytes, accessMode: 'ro' as const },
  destination: { path: destination, sizeBytes, accessMode: 'rw' as const },
};
const volumes = {
  source: { backend: HOST, id: 'source' },
  destination: { backend: HOST, id: 'destination' },
};
const quiet = (): void => undefined;

const [startedAt, cpuBefore] = [performance.now(), process.cpuUsage()];
const planned = await planCopy({
  ends,
  volumes,
  destinationReadsAsZeros: readsAsZeros,
  encrypted: false,
  options,
  host: { lanes, lanesOf: {} },
});
const plan: CopyPlan = job.digests ? planned : { ...planned, digests: false };
const run: DataRun = {
  state: { hostId: HOST, epoch, dirs },
  copyId: HOST,
  reservations: { source: HOST, destination: HOST },
  token: randomUUID(),
  plan,
  ends,
  volumes,
  limits: DEFAULT_LIMITS,
  laneBudget: new LaneBudget({ lanes, lanesOf: {} }),
  signal: new AbortController().signal,
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
};
const wishes = {
  runId: HOST,
  control: { version: 0, paused: false },
  hostLimit: () => undefined,
};
await runCopy({ ...run, wishes, onProgress: quiet });
const { verify: mode = 'off' } = options;
if (mode !== 'off') await runVerify({ ...run, mode, onProgress: quiet });
const { user, system } = process.cpuUsage(cpuBefore);
const cost: Cost = {
  seconds: (performance.now() - startedAt) / 1000,
  cpuSeconds: (user + system) / 1e6 + cpuOfEnded(),
};
process.stdout.write(JSON.stringify(cost));
