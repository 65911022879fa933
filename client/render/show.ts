import type { CopyControl } from '../../contract/control.ts';
import { renderLost } from '../../contract/lost-host.ts';
import type { CopyStatus } from '../../contract/messages.ts';
import type { PendingStep } from '../temporal/describe.ts';
import type { Shown } from '../temporal/show.ts';
import { renderComparison } from './comparison.ts';
import { renderHeld, renderParked, renderReport } from './copy.ts';
import { renderError } from './error.ts';
import { renderBytes } from './quantities.ts';

/** Who paused a step in Temporal, and when. */
export function renderPause({ by, at, reason }: PendingStep['paused'] & object): string {
  const since = at === undefined ? '' : ` since ${at.toISOString()}`;
  return `paused by ${by} in Temporal${since}${reason === undefined ? '' : `: ${reason}`}`;
}

function renderWhere({ running, worker, retryAt, paused }: PendingStep): string {
  if (paused !== undefined) return renderPause(paused);
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

function renderControl({ limit, paused }: CopyControl): string {
  const rate = limit === 'unlimited' ? 'no limit' : limit && `limit ${renderBytes(limit)}/s`;
  return [paused ? 'paused' : 'not paused', ...(rate === undefined ? [] : [rate])].join(', ');
}

/** What people want of a copy that runs, and how far that has come. */
function renderWishes(workflowId: string, { control, paused }: CopyStatus): string[] {
  if (paused !== undefined) {
    const done = `${renderBytes(paused.bytesFlushed)} of ${renderBytes(paused.bytesTotal)}`;
    const where = paused.released ? ', both volumes detached' : '';
    return [`paused since ${paused.since}, ${done}${where}; go on with: dray resume ${workflowId}`];
  }
  return control.version === 0 ? [] : [`wanted: ${renderControl(control)}`];
}

/** One copy, comparison or release for people. */
export function renderShown(shown: Shown): string {
  const { workflowId, status, end, state } = shown;
  const volumes = shown.source === '' ? [] : [`${shown.source} → ${shown.destination}`];
  const isReported = end?.report !== undefined || end?.comparison !== undefined;
  const silent = `no worker answers for it: what is parked cannot be told`;
  return [
    workflowId,
    ...volumes,
    `phase ${status?.phase ?? shown.phase}, host ${status?.host ?? shown.host}`,
    `started ${shown.startedAt}${shown.endedAt === undefined ? '' : `, ended ${shown.endedAt}`}`,
    ...(state === 'running' && status === undefined ? [silent] : []),
    ...(status?.refused === undefined || end !== undefined
      ? []
      : [`a Signal was refused ${status.refused.at}: ${status.refused.because}`]),
    ...(status?.failure === undefined || end !== undefined
      ? []
      : [`rolling back: ${status.failure.code}: ${status.failure.message}`]),
    ...(status === undefined || end !== undefined ? [] : renderWishes(workflowId, status)),
    ...shown.steps.map(renderStep),
    ...(state === 'running' ? (status?.parked ?? []) : []).map((p) => renderParked(workflowId, p)),
    ...(status?.decisions ?? []).map(
      (d) => `decided ${d.at}: ${d.step} ${d.decision}: ${d.reason} (after ${d.because})`,
    ),
    ...(status?.lost ?? []).map(renderLost),
    ...(status?.controlChanges ?? []).map(
      ({ at, control, reason }) =>
        `changed ${at}: ${renderControl(control)}${reason ? `: ${reason}` : ''}`,
    ),
    ...(end?.report === undefined ? [] : [renderReport(end.report)]),
    ...(end?.comparison === undefined ? [] : [renderComparison(end.comparison)]),
    ...(end?.failure === undefined ? [] : [renderError(end.failure)]),
    ...(isReported ? [] : renderHeld(end?.held ?? status?.held ?? [])),
  ].join('\n');
}
