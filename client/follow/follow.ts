import type { Client } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ParkedStep } from '../../contract/messages.ts';
import { note, type Outcome } from '../command.ts';
import { EXIT, exitCodeOf } from '../exit-codes.ts';
import { describeFailure, errorDocument } from '../failure.ts';
import { renderComparison } from '../render/comparison.ts';
import { renderHeld, renderParked, renderReport } from '../render/copy.ts';
import { renderError } from '../render/error.ts';
import { type Described, describe } from '../temporal/describe.ts';
import { endOf } from '../temporal/end.ts';
import { queryStatus } from '../temporal/status.ts';
import type { RunRef, WorkflowView } from '../temporal/workflow-view.ts';
import { openDisplay } from './display.ts';
import { snapshotOf } from './progress.ts';
import { Rate } from './rate.ts';

const POLL_MILLISECONDS = 500;
/** How long a server that restarts is waited for. Unit: milliseconds. */
const AWAY_MILLISECONDS = 60_000;
/** How long a worker that restarts is waited for, when only it can say what is parked. */
const SILENT_MILLISECONDS = 15_000;

/** Reads until it answers: a copy goes on while Temporal restarts, and so does its watching. */
export async function describePatiently(client: Client, ref: RunRef): Promise<Described> {
  const deadline = performance.now() + AWAY_MILLISECONDS;
  for (;;) {
    try {
      return await client.connection.withDeadline(Date.now() + 5_000, () => describe(client, ref));
    } catch (error) {
      const isAway = describeFailure(error).code === 'TemporalUnreachable';
      if (!isAway || performance.now() > deadline) throw error;
      await sleep(POLL_MILLISECONDS);
    }
  }
}

/** `parked` is undefined where no worker answers. */
function waiting(view: WorkflowView, parked: ParkedStep[] | undefined): Outcome {
  const { workflowId, runId } = view;
  const steps = parked?.map((step) => renderParked(workflowId, step)) ?? [
    `${workflowId} waits for a decision; no worker answers that could say about what: start one`,
  ];
  return {
    json: { workflowId, runId, status: 'waitsForDecision', parked: parked ?? [] },
    text: [...steps, `It stays as it is until then; see \`dray show ${workflowId}\`.`].join('\n'),
    exitCode: EXIT.waitsForDecision,
  };
}

async function ended(client: Client, view: WorkflowView): Promise<Outcome> {
  const { workflowId, runId, state } = view;
  const { report, comparison, failure, held } = await endOf(client, view, view.type);
  if (failure !== undefined) {
    note(renderError(failure));
    const json = { workflowId, runId, status: state, error: errorDocument(failure), held };
    return { json, text: renderHeld(held).join('\n'), exitCode: exitCodeOf(failure) };
  }
  const done = { workflowId, runId, status: state };
  if (comparison !== undefined) {
    const exitCode = comparison.equal ? EXIT.done : EXIT.different;
    return { json: { ...done, ...comparison }, text: renderComparison(comparison), exitCode };
  }
  const text =
    report === undefined
      ? [`${workflowId} is done`, ...renderHeld(held)].join('\n')
      : renderReport(report);
  const isWhole = (report?.copied.unreadable.length ?? 0) === 0;
  const json = { ...done, ...(report ?? { held }) };
  return { json, text, ...(isWhole ? {} : { exitCode: EXIT.unreadable }) };
}

/**
 * Watches a run until it ends or waits for a person. The run does not need it: Ctrl-C ends only
 * the watching.
 */
export async function follow(client: Client, ref: RunRef): Promise<Outcome | undefined> {
  const display = openDisplay();
  const rate = new Rate();
  let answeredAt = performance.now();
  const leave = (): void => {
    display.end();
    note(`\n${ref.workflowId} goes on; come back with: dray watch ${ref.workflowId}`);
    process.exit(128 + 2);
  };
  process.once('SIGINT', leave);
  try {
    for (;;) {
      const described = await describePatiently(client, ref);
      if (described.state !== 'running') {
        display.end();
        return await ended(client, described);
      }
      const isPaused = described.phase === 'paused';
      const asks = described.needsDecision || isPaused;
      const status = asks ? await queryStatus(client, described) : undefined;
      display.show(snapshotOf(described, rate, status?.paused), rate);
      const parked = described.needsDecision ? status?.parked : [];
      if (parked !== undefined) answeredAt = performance.now();
      const isSilent = performance.now() - answeredAt > SILENT_MILLISECONDS;
      if (isSilent || (parked !== undefined && parked.length > 0)) {
        display.end();
        return waiting(described, parked);
      }
      await sleep(POLL_MILLISECONDS);
    }
  } finally {
    display.end();
    process.off('SIGINT', leave);
  }
}
