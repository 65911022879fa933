import { renderBytes } from '../../contract/bytes.ts';
import type { FleetPhase, FleetStatus } from '../../contract/fleet.ts';

const PHASES: Record<FleetPhase, string> = {
  running: 'Copying.',
  paused: 'Paused: no more volumes are begun. Go on with the Update `resume`.',
  stopped: 'Stopped: no more volumes are begun until the Update `resume`.',
  'outside-window': 'No window is open: no more volumes are begun until the next one.',
  cancelling: 'Cancelled; waits for the copies at work.',
  done: 'Over.',
};

/** The markdown of the UI's Current Details. */
export function renderDetails(status: FleetStatus): string {
  const { name, phase, counts, volumes, bytesDone, bytesTotal, state, etaSeconds, opensAt } =
    status;
  const { done, running, parked, failed, cancelled, waiting } = counts;
  return [
    `**Fleet ${name}**: wave ${status.wave}, the last is ${status.lastWave}`,
    PHASES[phase],
    `${done} of ${volumes} volumes are done, ${renderBytes(bytesDone)} of ${renderBytes(bytesTotal)}.`,
    `${running} at work, ${waiting} wait, ${parked} parked, ${failed} failed, ${cancelled} cancelled.`,
    ...(etaSeconds === undefined ? [] : [`${Math.ceil(etaSeconds / 60)} minutes to go.`]),
    ...(opensAt === undefined ? [] : [`The next window begins at ${opensAt}.`]),
    ...(state.stopped === undefined ? [] : [`**${state.stopped.because}.**`]),
    ...status.parked.slice(0, 10).map((id) => `- waits for a decision: \`dray why ${id}\``),
    `In a shell: \`dray fleet status ${name}\`.`,
  ].join('\n\n');
}
