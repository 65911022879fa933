import type { Report } from '../temporal/report.ts';
import { factsOf, type Section } from '../report/facts.ts';
import { renderShown } from './show.ts';

function renderSection({ title, rows }: Section): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return [title, ...rows.map(([name, says]) => `  ${name.padEnd(width)}  ${says}`)].join('\n');
}

/** A certificate for people, or what can be said of a copy that has none. */
export function renderCopyReport(report: Report): string {
  if (report.certificate === undefined) {
    return `${renderShown(report.shown)}\nno certificate: ${report.uncertified}`;
  }
  return factsOf(report.certificate).map(renderSection).join('\n\n');
}
