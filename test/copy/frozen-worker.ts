/** A worker in miniature, as a process that tests can stop and kill: one attempt at one copy. */
import type { CopyEnds, CopyPlan } from '../../contract/copy.ts';
import { DEFAULT_LIMITS } from '../../contract/limits.ts';
import { runCopy } from '../../copy/copier.ts';
import { LaneBudget } from '../../copy/lane-budget.ts';
import type { HostState } from '../../system/host-state.ts';

const input = JSON.parse(process.argv[2] ?? '') as {
  state: HostState;
  plan: CopyPlan;
  ends: CopyEnds;
};
const silent = (): void => undefined;

try {
  await runCopy({
    ...input,
    copyId: 'copy-1',
    reservations: { source: 'reserved-1', destination: 'reserved-2' },
    token: `worker-${process.pid}`,
    volumes: {
      source: { backend: 'file', id: 'from' },
      destination: { backend: 'file', id: 'to' },
    },
    limits: DEFAULT_LIMITS,
    laneBudget: new LaneBudget({ lanes: 8, lanesOf: {} }),
    wishes: {
      runId: 'run-1',
      control: { version: 0, paused: false },
      hostLimit: () => undefined,
    },
    signal: new AbortController().signal,
    onProgress: (progress) => console.log(JSON.stringify(progress)),
    log: { debug: silent, info: silent, warn: silent, error: silent },
  });
  console.log(JSON.stringify({ ended: 'done' }));
} catch (error) {
  console.log(JSON.stringify({ ended: (error as { code?: string }).code }));
}
