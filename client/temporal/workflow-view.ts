import type { WorkflowExecutionInfo } from '@temporalio/client';
import { searchAttributes } from '../../contract/search-attributes.ts';

/** One run, or the last one of that workflow id. */
export type RunRef = { workflowId: string; runId?: string };

export type State = 'running' | 'done' | 'failed' | 'cancelled' | 'terminated';

/** What Temporal itself knows of a workflow, with no worker needed. Times are ISO 8601. */
export type WorkflowView = {
  workflowId: string;
  runId: string;
  type: string;
  state: State;
  phase: string;
  host: string;
  source: string;
  destination: string;
  needsDecision: boolean;
  startedAt: string;
  endedAt?: string;
};

const STATES: Record<string, State> = {
  RUNNING: 'running',
  PAUSED: 'running',
  COMPLETED: 'done',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
};

/** The part of a listing and of a description that is the same. */
export type Info = Pick<
  WorkflowExecutionInfo,
  'workflowId' | 'runId' | 'type' | 'status' | 'typedSearchAttributes' | 'startTime' | 'closeTime'
>;

export function viewOf(info: Info): WorkflowView {
  const { typedSearchAttributes: attributes, closeTime } = info;
  const state = STATES[info.status.name] ?? 'failed';
  return {
    workflowId: info.workflowId,
    runId: info.runId,
    type: info.type,
    state,
    // A terminated workflow could not say goodbye: its attributes are those of its last step.
    phase: state === 'terminated' ? state : (attributes.get(searchAttributes.phase) ?? state),
    host: attributes.get(searchAttributes.host) ?? '',
    source: attributes.get(searchAttributes.source) ?? '',
    destination: attributes.get(searchAttributes.destination) ?? '',
    needsDecision: state === 'running' && attributes.get(searchAttributes.needsDecision) === true,
    startedAt: info.startTime.toISOString(),
    ...(closeTime === undefined ? {} : { endedAt: closeTime.toISOString() }),
  };
}
