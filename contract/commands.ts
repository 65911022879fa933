import type { DecisionKind } from './messages.ts';

const EXTRA: Partial<Record<DecisionKind, string>> = {
  move: ' --host HOST',
  force: ' [--host-is-off]',
};

/** The command that decides so about a step. */
export function decideCommand(workflowId: string, step: string, decision: DecisionKind): string {
  return `dray decide ${workflowId} ${step} ${decision}${EXTRA[decision] ?? ''} --reason '…'`;
}
