import type { Acquisition, AcquisitionState, Leaks, Released } from '../../contract/leaks.ts';
import { formatVolume } from '../../contract/volume.ts';
import { renderTable } from './quantities.ts';

/** What needs somebody comes last, next to the prompt. */
const ORDER: AcquisitionState[] = ['live', 'foreign', 'unknown', 'orphan'];

const OUTCOMES: Record<Released['outcome'], string> = {
  started: 'started',
  running: 'was already on its way',
  owned: 'not started: its workflow is at work again',
  held: 'not started: a person decided to leave it held',
};

function table(acquisitions: readonly Acquisition[]): string {
  const rows = acquisitions.map(({ state, place, kind, volume, identity }) => {
    return [state, place, kind, volume === undefined ? '' : formatVolume(volume), identity];
  });
  return renderTable(['STATE', 'WHERE', 'KIND', 'VOLUME', 'WHAT'], rows);
}

/** One line a reason, with what takes it back or what shows it. */
function reasons(acquisitions: readonly Acquisition[]): string[] {
  const lines = acquisitions.map(({ state, place, because, release, look }) => {
    if (state === 'live') return `live: ${because}`;
    if (release !== undefined) return `orphan: ${because}; taken back by ${release}`;
    return `${state}: ${because}; on ${place} see: ${look}`;
  });
  return [...new Set(lines)];
}

function whatToDo({ acquisitions, releases }: Leaks): string[] {
  const orphans = acquisitions.some(({ state }) => state === 'orphan');
  if (orphans && releases.length === 0) {
    return ['release the orphans with: dray leaks --release'];
  }
  return releases.flatMap(({ workflowId, outcome }) => {
    const line = `${workflowId} ${OUTCOMES[outcome]}`;
    const isOnItsWay = outcome === 'started' || outcome === 'running';
    return isOnItsWay ? [line, `  watch it with: dray show ${workflowId}`] : [line];
  });
}

/** `all`: also what is live. */
export function renderLeaks(leaks: Leaks, all: boolean): string {
  const { places, unseen, acquisitions, counts } = leaks;
  const shown = ORDER.flatMap((state) =>
    all || state !== 'live' ? acquisitions.filter((each) => each.state === state) : [],
  );
  const sums = ORDER.toReversed().map((state) => `${counts[state]} ${state}`);
  return [
    ...(shown.length === 0 ? [] : [table(shown), '', ...reasons(shown), '']),
    ...whatToDo(leaks),
    ...unseen.map(({ place, because }) => `not looked at: ${place}: ${because}`),
    `${sums.join(', ')}; looked at ${places.join(', ') || 'nothing'}`,
  ].join('\n');
}
