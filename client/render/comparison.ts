import type { ByteRange } from '../../contract/copy.ts';
import type { CertifiedBytes, VerifyReport } from '../../contract/verify.ts';
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
  if ('certificate' in report) return ['DIFFERENT; a certificate does not tell where'];
  const shown = differing.slice(0, SHOWN);
  const rest = rangesDiffering - shown.length;
  return [
    `DIFFERENT in chunks of ${renderBytes(bytesDiffering)} together:`,
    ...shown.map(renderRange),
    ...(rest > 0 ? [`  and ${rest} more ranges`] : []),
  ];
}

/** Who says what it is compared with. */
function renderSigner({ certificate: { signer } }: { certificate: CertifiedBytes }): string {
  const whose = signer.isOwn
    ? "this host's"
    : "not this host's: compare it with `dray key list` of the mover";
  return `the certificate is signed with key ${signer.keyId}, ${whose}`;
}

/** The result of a finished comparison. */
export function renderComparison(report: VerifyReport): string {
  const { destination, host, bytesCompared, seconds, digestsRoot } = report;
  const isCertified = 'certificate' in report;
  const other = isCertified ? 'the certificate' : formatVolume(report.source);
  return [
    `${other} and ${formatVolume(destination)} on ${host}`,
    ...(isCertified ? [renderSigner(report)] : []),
    `compared ${renderBytes(bytesCompared)} in ${seconds.toFixed(1)} s, all of the source`,
    ...renderDifferences(report),
    `root of the digests: ${digestsRoot}`,
    ...renderHeld(report.held),
  ].join('\n');
}
