import { type CertifiedBytes, type Comparison, DIFFERENCES_TOLD } from '../contract/verify.ts';
import { devicesOf } from './ends.ts';
import { inspect, type ReadRun, type Rules } from './inspection.ts';
import type { Journal } from './journal.ts';
import { addRange, removeRange, sumBytes } from './ranges.ts';

export type CompareRun = ReadRun & {
  /** Instead of a source. */
  certificate?: Pick<CertifiedBytes, 'digestsRoot'>;
};

function rulesFor({ checkpoint, chunks }: Journal, { ends }: CompareRun): Rules<'different'> {
  const { verified, differing } = checkpoint;
  const looked = differing.reduce(addRange, verified);
  const reads = devicesOf(ends).map(([role]) => role);
  return {
    // One whose record was damaged is read again: the root needs the digests of all.
    looked: [...chunks.undigested()].reduce(removeRange, looked),
    compares: true,
    reads: () => reads,
    judge: ({ digests: { source, destination } }) =>
      reads.length === 1 || source === destination ? 'equal' : 'different',
  };
}

/**
 * Reads the ends, past the page cache, and compares two chunk by chunk by their digests, one by the
 * root of its digests with the certificate's. An attempt goes on from what the ones before have
 * compared, whatever they found. On abort throws the signal's reason, after the readers have ended.
 * @throws DeviceLost, ReaderFailed, SourceUnreadable, DestinationUnreadable, VerifyStalled,
 * CopierStuck, CopierFenced
 */
export async function runCompare(run: CompareRun): Promise<Comparison> {
  return inspect(
    run,
    'compare',
    (journal) => rulesFor(journal, run),
    ({ checkpoint: { differing, bytesTotal, startedAt }, chunks: { root } }) => ({
      equal: differing.length === 0 && root === (run.certificate?.digestsRoot ?? root),
      bytesCompared: bytesTotal,
      seconds: (Date.now() - startedAt) / 1000,
      differing: differing.slice(0, DIFFERENCES_TOLD),
      rangesDiffering: differing.length,
      bytesDiffering: sumBytes(differing),
      digestsRoot: root,
    }),
  );
}
