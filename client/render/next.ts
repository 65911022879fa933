import { decideCommand } from '../../contract/commands.ts';
import { workerCommand } from '../../contract/queues.ts';
import type { Wait } from '../temporal/waits.ts';

/**
 * The commands that end a wait, ready to type; none where it ends by itself. `temporal`: the flags
 * by which Temporal's own CLI finds the server.
 */
export function nextOf(workflowId: string, wait: Wait, temporal: string): string[] {
  switch (wait.kind) {
    case 'decision': {
      const { step, accepts } = wait.parked;
      return accepts.map((decision) => decideCommand(workflowId, step, decision));
    }
    case 'pausedInTemporal': {
      const ids = `--workflow-id ${workflowId} --activity-id ${wait.step.id}`;
      return [`temporal activity unpause ${temporal} ${ids}`];
    }
    case 'paused':
      return [`dray resume ${workflowId}`];
    case 'worker':
      return [workerCommand(wait.queue)];
    case 'stalled':
      return [`dray watch ${workflowId}`, `dray cancel ${workflowId}`];
    case 'retry':
    case 'slot':
      return [`dray watch ${workflowId}`];
  }
}
