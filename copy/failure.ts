import type { Device } from '../contract/attachment.ts';
import type { ByteRange, CopyEnds, CopyPlan } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import type { ReadPlan } from '../contract/verify.ts';
import type { Role } from '../contract/volume.ts';
import { FENCED_STATUS } from '../system/epoch.ts';
import { deviceLost, inspectEnd } from './end-state.ts';
import type { RangeOutcome } from './engine.ts';
import { FULL_ERRNOS, LOST_ERRNOS } from './errnos.ts';
import { LOCKED_STATUS } from './lease.ts';
import { answersReads, directEnds, readablePage } from './probe.ts';
import { COPY_TOOLS, requireTools } from './tools.ts';

/** Exit status of a shell, and of flock and setpriv, for a program that is not there. */
const NOT_FOUND_STATUS = 127;

export type FailureContext = {
  volume: string;
  ends: CopyEnds;
  plan: CopyPlan;
  range: ByteRange;
  tool: string;
};

/**
 * Whether only one place on an end failed, and not the end as a whole, of which a program said the
 * words. @throws DeviceLost
 */
export async function assertAnswers(
  { role, errno }: { role: Role; errno: string | undefined },
  words: string,
  device: Device,
  plan: ReadPlan,
): Promise<void> {
  if (errno !== undefined && LOST_ERRNOS.has(errno)) throw deviceLost(role, device, words);
  await inspectEnd(device, role);
  if (await answersReads(device, role, plan)) return;
  throw deviceLost(role, device, `it does not answer (${words})`);
}

/**
 * That places of the source, which became zeros on the destination, are bad by themselves: of an end
 * that was away for a moment they hold data. @throws DeviceLost
 */
export async function assertUnreadable(
  places: readonly ByteRange[],
  source: Device,
  plan: ReadPlan,
): Promise<void> {
  const failed = { role: 'source' as const, errno: 'EIO' };
  await assertAnswers(failed, 'nothing of it can be read', source, plan);
  const offset = await readablePage(source, places, directEnds(plan).source);
  if (offset === undefined) return;
  throw deviceLost('source', source, `what could not be read at ${offset} now can be`);
}

async function explainEnd(
  failed: { role: Role; errno: string | undefined },
  words: string,
  context: FailureContext,
): Promise<DrayError> {
  const { role, errno } = failed;
  const device = context.ends[role];
  if (role === 'destination' && errno !== undefined && FULL_ERRNOS.has(errno)) {
    return new DrayError('DestinationFull', { device: device.path, because: words });
  }
  await assertAnswers(failed, words, device, context.plan);
  const code = role === 'source' ? 'SourceUnreadable' : 'DestinationUnwritable';
  return new DrayError(code, { device: device.path, because: words });
}

/** The catalogue's error for a range that was not flushed. */
export async function explainFailure(
  outcome: RangeOutcome,
  context: FailureContext,
): Promise<DrayError> {
  const { exit, failed, moved, words } = outcome;
  try {
    if (exit.status === LOCKED_STATUS || exit.status === FENCED_STATUS) {
      return new DrayError('CopierFenced', { volume: context.volume });
    }
    if (exit.status === NOT_FOUND_STATUS) {
      await requireTools([...COPY_TOOLS, ...(context.plan.ionice ? ['ionice'] : [])]);
    }
    if (failed !== undefined) return await explainEnd(failed, words, context);
    // A copier that was killed or came up short may have been hit by an end that has gone.
    await inspectEnd(context.ends.source, 'source');
    await inspectEnd(context.ends.destination, 'destination');
  } catch (error) {
    if (error instanceof DrayError) return error;
    throw error;
  }
  if (exit.status === 0 && moved !== undefined) {
    const expected = context.range.length;
    return new DrayError('ShortCopy', { tool: context.tool, moved, expected });
  }
  const status = exit.signal ?? `exit status ${exit.status}`;
  return new DrayError('CopierFailed', { status, stderr: words });
}
