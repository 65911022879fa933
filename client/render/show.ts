import type { PendingStep } from '../temporal/describe.ts';
import type { Shown } from '../temporal/show.ts';
import { renderHeld, renderParked, renderReport } from './copy.ts';
import { renderError } from './error.ts';
import { renderBytes } from './quantities.ts';

function renderWhere({ running, worker, retryAt }: PendingStep): string {
  if (running) return `on ${worker}`;
  return retryAt === undefined ? 'waits for a worker' : `begins at ${retryAt.toISOString()}`;
}

function renderStep(step: PendingStep): string {
  const { activity, attempt, lastFailure, beat } = step;
  const { bytesFlushed, bytesCompared, bytesTotal } = beat?.progress ?? {};
  const done = bytesCompared ?? bytesFlushed;
  return [
    `step ${activity}, attempt ${attempt}, ${renderWhere(step)}`,
    ...(done === undefined || bytesTotal === undefined
      ? []
      : [`  ${renderBytes(done)} of ${renderBytes(bytesTotal)}`]),
    ...(lastFailure === undefined ? [] : [`  last failure: ${lastFailure}`]),
  ].join('\n');
}

/** One copy or release for people. */
export function renderShown(shown: Shown): string {
  const { workflowId, status, end, state } = shown;
  const volumes = shown.source === '' ? [] : [`${shown.source} → ${shown.destination}`];
  const silent = `no worker answers for it: what is parked cannot be told`;
  return [
    workflowId,
    ...volumes,
    `phase ${status?.phase ?? shown.phase}, host ${status?.host ?? shown.host}`,
    `started ${shown.startedAt}${shown.endedAt === undefined ? '' : `, ended ${shown.endedAt}`}`,
    ...(state === 'running' && status === undefined ? [silent] : []),
    ...(status?.failure === undefined || end !== undefined
      ? []
      : [`rolling back: ${status.failure.code}: ${status.failure.message}`]),
    ...shown.steps.map(renderStep),
    ...(state === 'running' ? (status?.parked ?? []) : []).map((p) => renderParked(workflowId, p)),
    ...(status?.decisions ?? []).map(
      (d) => `decided ${d.at}: ${d.step} ${d.decision}: ${d.reason}`,
    ),
    ...(end?.report === undefined ? [] : [renderReport(end.report)]),
    ...(end?.failure === undefined ? [] : [renderError(end.failure)]),
    ...(end?.report === undefined ? renderHeld(end?.held ?? status?.held ?? []) : []),
  ].join('\n');
}
