import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { DeviceIdentity } from '../contract/attachment.ts';
import type { Certified } from '../contract/certificate.ts';
import type { CopyReport, VerifyMode } from '../contract/copy.ts';
import { copyIdOf } from '../contract/ids.ts';
import type { DecisionKind, Taken } from '../contract/messages.ts';
import { formatVolume, type VolumeRef } from '../contract/volume.ts';
import { now } from './clock.ts';
import { faultOf } from './faults.ts';
import { hostOf } from './places.ts';
import type { Run } from './run.ts';
import { forward } from './steps.ts';

const READ_BACK =
  'What was written was read back from the destination, past the page cache, and compared with ';

/** `late`: digests that were taken from the source only after it was copied. Unit: bytes. */
const STATEMENTS: Record<VerifyMode, (bytes: { late: number; total: number }) => string> = {
  off: ({ late }) =>
    late === 0
      ? 'Neither the destination nor the source was read again after the copy.'
      : `Nothing was compared after the copy. The digests of ${late} bytes were taken from the ` +
        'source only afterwards.',
  written: ({ late, total }) =>
    late === 0
      ? `${READ_BACK}the digests taken while it was copied. The source was not read again.`
      : `${READ_BACK}digests of the source: of ${total - late} bytes they were taken while it was ` +
        `copied, of ${late} bytes only afterwards, when the source was read once more.`,
  full: () => 'Source and destination were both read again, past the page cache, and compared.',
};

function statementOf({ copied, verified }: CopyReport): string {
  const { mode, bytesUnreadable = 0, bytesDigestedLate: late, skipped } = verified;
  if (skipped !== undefined) {
    const { reason, because } = skipped;
    return `Nothing is proven: a person went without (${reason}) after verify failed with ${because}`;
  }
  const statement = STATEMENTS[mode]({ late, total: copied.bytes });
  if (bytesUnreadable === 0) return statement;
  const but = `The source was not read again in ${bytesUnreadable} bytes of chunks that it cannot give.`;
  return `${statement} ${but}`;
}

const toMilliseconds = (seconds: number): number => Math.round(seconds * 1000);

const proven = (volume: VolumeRef, { sizeBytes, serial }: DeviceIdentity) => ({
  volume: formatVolume(volume),
  sizeBytes,
  serial,
});

/** All there is to certify, once everything is taken back. */
function certifiedOf(run: Run, report: CopyReport): Certified {
  const { source, destination, devices, plan, copied, verified } = report;
  const { namespace, workflowId, runId, firstExecutionRunId, startTime } = workflowInfo();
  return {
    format: 'drayage-certificate',
    version: 1,
    copy: {
      id: copyIdOf({ workflowId, firstRunId: firstExecutionRunId }),
      namespace,
      workflowId,
      runId,
    },
    host: report.host,
    source: proven(source, devices.source),
    destination: proven(destination, devices.destination),
    plan: { ...plan },
    bytes: {
      total: copied.bytes,
      read: copied.bytesRead,
      written: copied.bytesWritten,
      skipped: copied.bytesSkipped,
      zeroed: copied.bytesZeroed,
    },
    chunks: {
      chunkBytes: plan.chunkBytes,
      digestsRoot: verified.digestsRoot || copied.digestsRoot,
      bytesDigestedLate: verified.bytesDigestedLate,
      states: copied.chunkStates,
    },
    settled: { lanes: copied.lanes, requestBytes: copied.requestBytes },
    unreadable: copied.unreadable,
    verification: {
      mode: verified.mode,
      statement: statementOf(report),
      bytesCompared: verified.bytesCompared,
      milliseconds: toMilliseconds(verified.seconds),
    },
    retries: {
      attempts: copied.attempts,
      bytesCopiedAgain: copied.bytesCopiedAgain,
      bytesRepaired: copied.bytesRepaired,
    },
    controlChanges: run.control.changes,
    decisions: run.desk.taken,
    undo: run.undo.proofs,
    held: run.held.map(({ volume, what, because }) => ({
      volume: formatVolume(volume),
      what,
      because,
    })),
    times: {
      startedAt: startTime.toISOString(),
      phases: run.phases,
      copyMilliseconds: toMilliseconds(copied.seconds),
      releasedAt: now(),
    },
  };
}

/** There is nothing left to roll back or to move. */
const accepts = (): DecisionKind[] => ['retry', 'skip'];
const STEP = 'certify';

/**
 * Has the mover sign what the copy did and what was taken back. The copy is done whatever becomes
 * of this; a host that is gone is waited for until a person skips it. As with every undo before it,
 * a cancel comes too late.
 */
export async function certify(
  run: Run,
  report: CopyReport,
): Promise<Pick<CopyReport, 'certificate' | 'uncertified'>> {
  run.enter('certifying');
  if (run.attachments.some((attachment) => run.isLost(attachment))) {
    return { uncertified: `host ${report.host} was lost before it could sign` };
  }
  const certified = certifiedOf(run, report);
  const step = { name: STEP, about: formatVolume(report.destination), accepts };
  try {
    const certificate = await CancellationScope.nonCancellable(() =>
      forward(run, hostOf(report.host), step, (host) => host.certify({ certified })),
    );
    if (certificate !== undefined) return { certificate };
  } catch (error) {
    return { uncertified: faultOf(error, STEP, hostOf(report.host).queue).message };
  }
  const { reason } = run.desk.lastOf(STEP) as Taken;
  return { uncertified: `skipped by decision: ${reason}` };
}
