import type { CopyStatus, ParkedStep } from '../contract/messages.ts';
import { formatVolume } from '../contract/volume.ts';

const PHASES: Record<CopyStatus['phase'], string> = {
  preparing: 'Looking at both volumes and the host.',
  attaching: 'Attaching the volumes, destination first.',
  copying: 'Copying. The heartbeat of `copyData` has the progress.',
  paused: 'Paused. Go on with the Update `resume`.',
  verifying: 'Reading past the page cache, and comparing. The heartbeat has the progress.',
  detaching: 'Detaching both volumes.',
  certifying: 'Both volumes are detached. Signing the certificate.',
  done: 'Done.',
  failed: 'Failed; what was acquired has been released.',
  cancelled: 'Cancelled; what was acquired has been released.',
};

function renderParked(parked: ParkedStep): string {
  return [
    `### Waits for a decision: \`${parked.step}\``,
    `**${parked.code}**: ${parked.message}`,
    parked.whatToDo,
    `Since ${parked.since}. Decide with the Update \`decide\` or the Signal \`decideBySignal\`:`,
    `\`{"step": "${parked.step}", "decision": "${parked.accepts.join(' | ')}", "reason": "…"}\``,
  ].join('\n\n');
}

/** The markdown of the UI's Current Details. */
export function renderDetails(title: string, status: CopyStatus): string {
  const { parked, held, failure, control, paused } = status;
  const limit = control.limit === 'unlimited' ? 'none' : `${control.limit} bytes a second`;
  return [
    `**${title}** on host \`${status.host}\``,
    PHASES[status.phase],
    ...(paused === undefined
      ? []
      : [
          `Since ${paused.since}, at ${paused.bytesFlushed} of ${paused.bytesTotal} bytes.`,
          paused.released
            ? 'Both volumes are detached, and reserved for this copy.'
            : 'Both volumes stay attached.',
        ]),
    ...(control.limit === undefined ? [] : [`Limit asked for: ${limit}.`]),
    ...(failure === undefined
      ? []
      : [`Rolling back or ended for **${failure.code}**: ${failure.message}`]),
    ...parked.map(renderParked),
    ...held.map((h) => `- held: ${h.what} of \`${formatVolume(h.volume)}\`: ${h.because}`),
  ].join('\n\n');
}
