import type { Finding, FindingState, Place } from '../../contract/examination.ts';

const MARKS: Record<FindingState, string> = {
  ok: '✓',
  unneeded: '-',
  warning: '!',
  wrong: '✗',
  unknown: '?',
};

export type Counts = Record<FindingState, number>;

export function countFindings(places: readonly Place[]): Counts {
  const counts: Counts = { ok: 0, unneeded: 0, warning: 0, wrong: 0, unknown: 0 };
  for (const { state } of places.flatMap(({ findings }) => findings)) counts[state] += 1;
  return counts;
}

function renderFinding({ state, sentence, mend }: Finding): string[] {
  return [`  ${MARKS[state]} ${sentence}`, ...(mend === undefined ? [] : [`      ${mend}`])];
}

function renderCounts({ ok, unneeded, warning, wrong, unknown }: Counts): string {
  return [
    `${wrong} wrong`,
    warning === 1 ? '1 warning' : `${warning} warnings`,
    ...(unknown === 0 ? [] : [`${unknown} unknown`]),
    `${ok} well`,
    ...(unneeded === 0 ? [] : [`${unneeded} absent and not needed`]),
  ].join(', ');
}

/** Place by place: what is well, what is not, and below that what mends it. */
export function renderPlaces(places: readonly Place[]): string {
  return [
    ...places.flatMap(({ place, findings }) => [place, ...findings.flatMap(renderFinding), '']),
    renderCounts(countFindings(places)),
  ].join('\n');
}
