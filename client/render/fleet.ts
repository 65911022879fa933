import { renderBytes } from '../../contract/bytes.ts';
import type { FleetOrder, FleetStatus, PlannedVolume } from '../../contract/fleet.ts';
import type { ShownFleet } from '../temporal/fleet.ts';
import type { WorkflowView } from '../temporal/workflow-view.ts';
import { renderSeconds, renderTable } from './quantities.ts';

/** Of more the report tells. */
const SHOWN = 20;

export function renderCounts({
  done,
  running,
  waiting,
  parked,
  failed,
  cancelled,
}: FleetStatus['counts']) {
  return (
    `${done} done, ${running} at work, ${waiting} wait, ${parked} parked, ` +
    `${failed} failed, ${cancelled} cancelled`
  );
}

const renderLimits = (limits: object): string =>
  Object.entries(limits)
    .map(([name, limit]) => `${name} ${limit}`)
    .join(', ');

/** What was written, for whoever reviews it. */
export function renderPlanned(
  file: string,
  { name, limits, stop, windows, timeZone }: FleetOrder,
  volumes: readonly PlannedVolume[],
): string {
  const bytes = volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const waves = [...new Set(volumes.map(({ wave }) => wave))].sort((a, b) => a - b);
  const rows = waves.map((wave) => {
    const inWave = volumes.filter((volume) => volume.wave === wave);
    const size = inWave.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return [wave === 0 ? '0 (canary)' : String(wave), String(inWave.length), renderBytes(size)];
  });
  return [
    `${file}: fleet ${name}, ${volumes.length} volumes, ${renderBytes(bytes)}`,
    renderTable(['WAVE', 'VOLUMES', 'SIZE'], rows),
    `at once: ${renderLimits(limits)}; stops at: ${renderLimits(stop)}`,
    ...(windows.length === 0 ? [] : [`begins in ${windows.join(', ')} of ${timeZone}`]),
    'nothing is started; read it, change what you want, then: ' + `dray fleet start ${file}`,
  ].join('\n');
}

function renderPhase({ phase, opensAt, etaSeconds, state }: FleetStatus): string {
  const { stopped, paused, cancelled } = state;
  switch (phase) {
    case 'stopped':
      return `stopped at ${stopped?.since}: ${stopped?.because}`;
    case 'paused':
      return `paused at ${paused?.since}${paused?.reason ? `: ${paused.reason}` : ''}`;
    case 'cancelling':
      return `cancelled at ${cancelled?.since}; waits for the copies at work`;
    case 'outside-window':
      return `waits for the window that begins at ${opensAt}`;
    case 'running':
      return etaSeconds === undefined ? 'running' : `running, ETA ${renderSeconds(etaSeconds)}`;
    case 'done':
      return cancelled === undefined ? 'over' : `over, cancelled at ${cancelled.since}`;
  }
}

function renderNext(name: string, { phase, counts }: FleetStatus): string[] {
  const retry = counts.failed === 0 ? [] : [`begin what failed again: dray fleet retry ${name}`];
  if (phase === 'done') return [...retry, `every volume: dray fleet report ${name}`];
  const isHeld = phase === 'stopped' || phase === 'paused';
  return [...retry, ...(isHeld ? [`go on: dray fleet resume ${name}`] : [])];
}

function renderStatus(name: string, status: FleetStatus): string {
  const { counts, bytesDone, bytesTotal, wave, lastWave, parked, failed, state } = status;
  return [
    `fleet ${name}: ${renderPhase(status)}`,
    `${renderCounts(counts)}; wave ${wave}, the last is ${lastWave}`,
    `${renderBytes(bytesDone)} of ${renderBytes(bytesTotal)}; at once: ${renderLimits(state.limits)}`,
    ...failed.map(({ workflowId, code, message }) => `${workflowId} failed: ${code}: ${message}`),
    ...parked.slice(0, SHOWN).map((id) => `waits for a decision: dray why ${id}`),
    ...renderNext(name, status),
  ].join('\n');
}

export function renderFleet(name: string, { view, status }: ShownFleet): string {
  if (status !== undefined) return renderStatus(name, status);
  return view.state === 'running'
    ? `fleet ${name} runs, but no worker answers for it: start \`dray worker\``
    : `fleet ${name} was ${view.state}; its copies go on. Start its plan again to go on with it.`;
}

export function renderFleets(fleets: readonly WorkflowView[]): string {
  const rows = fleets.map(({ workflowId, state, phase, startedAt }) => [
    workflowId.replace(/^fleet\//, ''),
    state === 'running' ? phase : state,
    startedAt,
  ]);
  return renderTable(['FLEET', 'STATE', 'STARTED'], rows);
}
