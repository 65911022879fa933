import { type Comparison, DIFFERENCES_TOLD } from '../contract/verify.ts';
import { inspect, type ReadRun } from './inspection.ts';
import { addRange, sumBytes } from './ranges.ts';

/**
 * Reads both ends, past the page cache, and compares them chunk by chunk by their digests. An attempt
 * goes on from what the ones before have compared, whatever they found. On abort throws the signal's
 * reason, after the readers have ended.
 * @throws DeviceLost, ReaderFailed, SourceUnreadable, DestinationUnreadable, VerifyStalled,
 * CopierStuck, CopierFenced
 */
export async function runCompare(run: ReadRun): Promise<Comparison> {
  return inspect(
    run,
    'compare',
    ({ checkpoint: { verified, differing } }) => ({
      looked: differing.reduce(addRange, verified),
      reads: () => ['source', 'destination'],
      judge: ({ digests: { source, destination } }) =>
        source === destination ? 'equal' : 'different',
    }),
    ({ checkpoint: { differing, bytesTotal, startedAt }, chunks }) => ({
      equal: differing.length === 0,
      bytesCompared: bytesTotal,
      seconds: (Date.now() - startedAt) / 1000,
      differing: differing.slice(0, DIFFERENCES_TOLD),
      rangesDiffering: differing.length,
      bytesDiffering: sumBytes(differing),
      digestsRoot: chunks.root,
    }),
  );
}
