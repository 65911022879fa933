import type { CopyReport, Held } from '../../contract/copy.ts';
import type { DecisionKind, ParkedStep } from '../../contract/messages.ts';
import { formatVolume } from '../../contract/volume.ts';
import { renderBytes } from './quantities.ts';

const EXTRA: Partial<Record<DecisionKind, string>> = {
  move: ' --host HOST',
  force: ' [--host-is-off]',
};

function renderDecision(workflowId: string, step: string, decision: DecisionKind): string {
  return `  dray decide ${workflowId} ${step} ${decision}${EXTRA[decision] ?? ''} --reason '…'`;
}

/** Why a step waits, and the commands that decide about it, ready to type. */
export function renderParked(workflowId: string, parked: ParkedStep): string {
  const { step, code, message, whatToDo, since, accepts } = parked;
  return [
    `${step} waits for a decision since ${since}`,
    `  ${code}: ${message}`,
    `  ${whatToDo}`,
    ...accepts.map((decision) => renderDecision(workflowId, step, decision)),
  ].join('\n');
}

export function renderHeld(held: readonly Held[]): string[] {
  return held.map((h) => `held: ${h.what} of ${formatVolume(h.volume)}: ${h.because}`);
}

/** The result of a finished copy. */
export function renderReport(report: CopyReport): string {
  const { source, destination, host, copied, verified } = report;
  const verify =
    verified.mode === 'off'
      ? 'verify: off'
      : `verified ${renderBytes(verified.bytesCompared)} in ${verified.seconds.toFixed(1)} s`;
  return [
    `${formatVolume(source)} → ${formatVolume(destination)} on ${host}`,
    `copied ${renderBytes(copied.bytes)} in ${copied.seconds.toFixed(1)} s, ` +
      `${copied.mbPerSecond.toFixed(1)} MB/s`,
    verify,
    ...renderHeld(report.held),
  ].join('\n');
}
