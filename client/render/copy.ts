import { decideCommand } from '../../contract/commands.ts';
import type {
  ByteRange,
  CopyReport,
  Held,
  LaneSetting,
  VerifyMode,
  VerifyResult,
} from '../../contract/copy.ts';
import type { ParkedStep } from '../../contract/messages.ts';
import { formatVolume } from '../../contract/volume.ts';
import { renderBytes } from './quantities.ts';

/** Why a step waits, and the commands that decide about it, ready to type. */
export function renderParked(workflowId: string, parked: ParkedStep): string {
  const { step, code, message, whatToDo, since, accepts } = parked;
  return [
    `${step} waits for a decision since ${since}`,
    `  ${code}: ${message}`,
    `  ${whatToDo}`,
    ...accepts.map((decision) => `  ${decideCommand(workflowId, step, decision)}`),
  ].join('\n');
}

export function renderHeld(held: readonly Held[]): string[] {
  return held.map((h) => `held: ${h.what} of ${formatVolume(h.volume)}: ${h.because}`);
}

/** What lanes settled on, of an engine that has them. */
function renderLanes({ lanes, requestBytes }: Partial<LaneSetting>): string[] {
  if (lanes === undefined || requestBytes === undefined) return [];
  return [`lanes settled on ${lanes}, with requests of ${renderBytes(requestBytes)}`];
}

/** What was proven, in words that promise no more. */
const PROVEN: Record<VerifyMode, string> = {
  off: 'not verified',
  written: 'what was written was read back; the source was not read again',
  full: 'both ends were read again',
};

function renderVerified({ mode, bytesCompared, seconds, ...rest }: VerifyResult): string {
  const { bytesUnreadable = 0, skipped } = rest;
  if (skipped !== undefined) {
    return `${PROVEN.off}, by decision (${skipped.reason}): ${skipped.because}`;
  }
  if (mode === 'off') return PROVEN.off;
  const but =
    bytesUnreadable === 0
      ? ''
      : `, but for ${renderBytes(bytesUnreadable)} of chunks whose source cannot be read`;
  return `verified ${renderBytes(bytesCompared)} in ${seconds.toFixed(1)} s: ${PROVEN[mode]}${but}`;
}

function renderUnreadable(ranges: readonly ByteRange[]): string[] {
  if (ranges.length === 0) return [];
  return [
    'the source could not be read here, the destination has zeros instead:',
    ...ranges.map(({ offset, length }) => `  ${length} bytes at ${offset}`),
  ];
}

/** The result of a finished copy. */
export function renderReport(report: CopyReport): string {
  const { source, destination, host, copied, verified } = report;
  const { engine } = report.plan;
  return [
    `${formatVolume(source)} → ${formatVolume(destination)} on ${host}`,
    `copied ${renderBytes(copied.bytes)} in ${copied.seconds.toFixed(1)} s, ` +
      `${copied.mbPerSecond.toFixed(1)} MiB/s, engine ${engine.value}: ${engine.because}`,
    ...renderLanes(copied),
    renderVerified(verified),
    ...(copied.bytesRepaired > 0
      ? [`${renderBytes(copied.bytesRepaired)} differed and were copied again`]
      : []),
    ...renderUnreadable(copied.unreadable),
    ...renderHeld(report.held),
    ...(report.uncertified === undefined ? [] : [`no certificate: ${report.uncertified}`]),
  ].join('\n');
}
