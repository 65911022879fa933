import type { ByteRange } from '../../contract/copy.ts';
import type { VerifyReport } from '../../contract/verify.ts';
import { formatVolume } from '../../contract/volume.ts';
import { renderHeld } from './copy.ts';
import { renderBytes } from './quantities.ts';

/** Ranges that are shown to people; --json has more. */
const SHOWN = 20;

function renderRange({ offset, length }: ByteRange): string {
  return `  bytes ${offset} to ${offset + length - 1}, ${renderBytes(length)}`;
}

function renderDifferences(report: VerifyReport): string[] {
  const { equal, differing, rangesDiffering, bytesDiffering } = report;
  if (equal) return ['equal'];
  const shown = differing.slice(0, SHOWN);
  const rest = rangesDiffering - shown.length;
  return [
    `DIFFERENT in chunks of ${renderBytes(bytesDiffering)} together:`,
    ...shown.map(renderRange),
    ...(rest > 0 ? [`  and ${rest} more ranges`] : []),
  ];
}

/** The result of a finished comparison. */
export function renderComparison(report: VerifyReport): string {
  const { source, destination, host, bytesCompared, seconds, digestsRoot } = report;
  return [
    `${formatVolume(source)} and ${formatVolume(destination)} on ${host}`,
    `compared ${renderBytes(bytesCompared)} in ${seconds.toFixed(1)} s, all of the source`,
    ...renderDifferences(report),
    `root of the source's digests: ${digestsRoot}`,
    ...renderHeld(report.held),
  ].join('\n');
}
