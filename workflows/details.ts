import { renderBytes } from '../contract/bytes.ts';
import type { PausedStatus } from '../contract/control.ts';
import type { CopyStatus, DataNews, DecisionKind, ParkedStep } from '../contract/messages.ts';
import { renderLost } from '../contract/lost-host.ts';
import { formatVolume } from '../contract/volume.ts';

type Failure = NonNullable<CopyStatus['failure']>;

const PHASES: Record<CopyStatus['phase'], string> = {
  preparing: 'Looking at both volumes and the host.',
  attaching: 'Attaching the volumes, destination first.',
  copying: 'Copying. The heartbeat of `copyData` has the progress of this moment.',
  stalled: 'Standing still. Look at the storage of both ends, and at the way between them.',
  paused: 'Paused. Go on with the Update `resume`.',
  verifying:
    'Reading past the page cache, and comparing. The heartbeat has the progress of this moment.',
  detaching: 'Detaching both volumes.',
  certifying: 'Both volumes are detached. Signing the certificate.',
  done: 'Done.',
  failed: 'Failed; what was acquired has been released.',
  cancelled: 'Cancelled; what was acquired has been released.',
};

/** `2026-11-23 17:23:18 UTC` of ISO 8601: people compare it with a clock. */
const moment = (iso: string): string => `${iso.slice(0, 19).replace('T', ' ')} UTC`;

/** The argument of that decision, for the form: only what stands for `…` has to be written. */
function renderArgument(step: string, decision: DecisionKind): string {
  const host = decision === 'move' ? { host: '…' } : {};
  return `- \`${JSON.stringify({ step, decision, ...host, reason: '…' })}\``;
}

function renderParked({ step, code, message, whatToDo, since, accepts }: ParkedStep): string {
  return [
    `### Waits for a decision: \`${step}\``,
    `**${code}**: ${message}`,
    whatToDo,
    `Since ${moment(since)}. Send the Update \`decide\` or the Signal \`decideBySignal\` with one of:`,
    accepts.map((decision) => renderArgument(step, decision)).join('\n'),
  ].join('\n\n');
}

function renderNews({ at, done, total, bytesPerSecond, until, stalledSince }: DataNews): string {
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
  const so = `${percent} %, ${renderBytes(done)} of ${renderBytes(total)}, at ${moment(at)}`;
  if (stalledSince !== undefined) return `No byte since ${moment(stalledSince)}: ${so}.`;
  if (until === undefined) return `${so}.`;
  return `${so}, with ${renderBytes(bytesPerSecond)}/s. Done at ${moment(until)} if it goes on so.`;
}

function renderPaused({ since, bytesFlushed, bytesTotal, released }: PausedStatus): string[] {
  const where = released ? 'are detached, and reserved for this copy' : 'stay attached';
  return [
    `Since ${moment(since)}, at ${renderBytes(bytesFlushed)} of ${renderBytes(bytesTotal)}.`,
    `Both volumes ${where}.`,
  ];
}

const isOver = ({ phase }: CopyStatus): boolean => ['done', 'failed', 'cancelled'].includes(phase);

function renderFailure({ code, message }: Failure, over: boolean): string {
  return `${over ? 'Ended' : 'Rolling back'} for **${code}**: ${message}`;
}

function renderNext(workflowId: string, status: CopyStatus): string[] {
  if (isOver(status)) return [];
  if (status.parked.length > 0) return [`In a shell: \`dray why ${workflowId}\`.`];
  if (status.phase === 'paused') return [`In a shell: \`dray resume ${workflowId}\`.`];
  const next =
    status.phase === 'stalled'
      ? 'It is tried again by itself, and parks in the end; if nothing helps, cancel it.'
      : 'Nothing to do. To stop it, cancel it: what was acquired is then released.';
  return [`${next} In a shell: \`dray why ${workflowId}\`.`];
}

/** The markdown of the UI's Current Details: what happens, how far it is, and what to do next. */
export function renderDetails(title: string, workflowId: string, status: CopyStatus): string {
  const { parked, held, lost, failure, control, paused, news, refused } = status;
  const limit = control.limit === 'unlimited' ? 'none' : `${renderBytes(control.limit ?? 0)}/s`;
  return [
    `**${title}** on host \`${status.host}\``,
    PHASES[status.phase],
    ...(news === undefined ? [] : [renderNews(news)]),
    ...lost.map((each) => `- ${renderLost(each)}`),
    ...(paused === undefined ? [] : renderPaused(paused)),
    ...(control.limit === undefined ? [] : [`Limit asked for: ${limit}.`]),
    ...(failure === undefined ? [] : [renderFailure(failure, isOver(status))]),
    ...parked.map(renderParked),
    ...(refused === undefined
      ? []
      : [`The Signal of ${moment(refused.at)} was refused: ${refused.because}.`]),
    ...held.map((h) => `- held: ${h.what} of \`${formatVolume(h.volume)}\`: ${h.because}`),
    ...renderNext(workflowId, status),
  ].join('\n\n');
}
