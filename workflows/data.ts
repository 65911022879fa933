import type { CopyDataInput, VerifyCopyInput } from '../activities/copy.ts';
import type { Attachment } from '../contract/attachment.ts';
import type {
  CopyPlan,
  CopyProgress,
  CopyResult,
  PausedCopy,
  VerifyMode,
  VerifyResult,
} from '../contract/copy.ts';
import { countsIn } from '../contract/byte-counts.ts';
import { copyIdOf } from '../contract/ids.ts';
import { STALL_ATTEMPTS } from '../contract/limits.ts';
import type { DecisionKind, Taken } from '../contract/messages.ts';
import { formatVolume, type Role } from '../contract/volume.ts';
import type { Fault } from './faults.ts';
import { attachAnew, endsOf, type HostVolumes } from './host-volumes.ts';
import { either, type OnFault, overDifferences, overLostDevices } from './losses.ts';
import { copySlotOf } from './places.ts';
import type { Run } from './run.ts';
import { steered } from './steer.ts';
import { forward, HostLost, required } from './steps.ts';

/** Both volumes on one host, and what is to be done between them. */
export type Session = HostVolumes<Role> & {
  plan: CopyPlan;
  /** How far it had come when it was paused. */
  from?: CopyProgress;
};

/**
 * The plan for a destination that may hold other data by now: zeros of the source that are left out
 * would then show what an earlier attempt or another copy has written there.
 */
export function withAllZeros(plan: CopyPlan, because: string): CopyPlan {
  return plan.zeros.value === 'skip' ? { ...plan, zeros: { value: 'write', because } } : plan;
}

/** For a volume that was free meanwhile. */
export const afterRelease = (plan: CopyPlan, role: Role): CopyPlan =>
  withAllZeros(plan, `the ${role} was released meanwhile`);

/** As attachAnew; the plan follows what it finds. */
async function attachForPlan(run: Run, session: Session, role: Role): Promise<void> {
  const attachment = session.attachments[role];
  const before = attachment.exported?.reservation;
  await attachAnew(run, session, role);
  const isSame = attachment.exported?.reservation === before;
  if (isSame) return;
  session.plan = afterRelease(session.plan, role);
  // How far a copy came into a volume that was free since says nothing of it.
  delete session.from;
}

type DataInput = Omit<CopyDataInput, 'control' | 'from'>;

function dataInput(run: Run, { plan, attached, attachments }: Session): DataInput {
  const copyId = copyIdOf(attachments.destination.owner);
  return { copyId, plan, ends: endsOf(attached), attachments, limits: run.limits };
}

/** Of an attempt whose end is not known: something may be in doubt. */
function unsettled(progress: CopyProgress): CopyProgress {
  const known = { ...progress };
  delete known.settled;
  return known;
}

/** The host's checkpoint bounds the attempts, so that losses are not counted here. */
async function copyStep(run: Run, session: Session): Promise<CopyResult | PausedCopy> {
  const { attachments } = session;
  const { owner } = attachments.destination;
  const [source, destination] = [attachments.source.volume, attachments.destination.volume];
  const about = `${formatVolume(source)} to ${formatVolume(destination)}`;
  const onSilence = (heartbeat: unknown): void => {
    session.from = unsettled(heartbeat as CopyProgress);
  };
  return overLostDevices(
    Infinity,
    (onFault) =>
      required(
        run,
        copySlotOf(run.host),
        { name: 'copyData', about, onFault, onSilence },
        (host) => {
          run.beginData();
          return steered(run, owner, (control) =>
            host.copyData({
              ...dataInput(run, session),
              control,
              ...(session.from === undefined ? {} : { from: session.from }),
            }),
          );
        },
      ),
    (role) => attachForPlan(run, session, role),
  );
}

/** Volumes of a copy that no host has, still reserved for these attachments. */
export type Reserved = {
  attachments: Record<Role, Attachment>;
  /** How far the copy is known to have come. */
  from?: CopyProgress;
  /** A host that was lost may have written what nobody knows of. */
  inDoubt?: boolean;
};

/** A copy whose host was let go while it was paused. */
export type Released = Reserved & { from: CopyProgress };

/** The way out of a copy whose host is to be let go while it is paused, not an error. */
export class ReleaseRequested extends Error {
  constructor(readonly released: Released) {
    super('the copy is paused without its host');
  }
}

/** How far a copy has come of which nothing is missing. */
function wholeProgress({ bytesTotal }: CopyPlan, copied: CopyResult): CopyProgress {
  const { attempts: attempt, seconds, bytesCopiedAgain, bytesRepaired } = copied;
  const all = [{ offset: 0, length: bytesTotal }];
  return {
    bytesFlushed: bytesTotal,
    bytesSubmitted: bytesTotal,
    bytesTotal,
    bytesPerSecond: 0,
    attempt: attempt - 1,
    flushed: all,
    unreadable: copied.unreadable,
    digestsRoot: '',
    chunkStates: copied.chunkStates,
    settled: { seconds, bytesCopiedAgain, bytesRepaired, touched: all },
    ...countsIn(copied),
  };
}

/**
 * Copies, with as many pauses as people want; one that comes with the last byte is kept as well.
 * @throws ReleaseRequested
 */
async function copyData(run: Run, session: Session): Promise<CopyResult> {
  for (;;) {
    const outcome = await copyStep(run, session);
    const isPaused = 'paused' in outcome;
    if (isPaused) session.from = outcome.progress;
    else delete session.from;
    if (run.control.current.paused) {
      const progress = isPaused ? outcome.progress : wholeProgress(session.plan, outcome);
      run.enter('paused');
      await run.control.whilePaused(progress, false);
      if (run.control.toRelease) {
        const { attachments } = session;
        throw new ReleaseRequested({ from: progress, attachments });
      }
      run.enter('copying');
    }
    if (!isPaused) return outcome;
  }
}

const VERIFY = 'verifyCopy';
/** Nobody is given a destination as done that is known to hold something else than the source. */
const accepts = ({ code }: Fault): DecisionKind[] =>
  ['VerifyFailed', 'SourceChanged', 'EndsDiffer', 'CopyIncomplete'].includes(code)
    ? ['retry', 'roll-back', 'move']
    : ['retry', 'skip', 'roll-back', 'move'];

/**
 * Compares the volumes as `mode` says, or takes the digests that are missing with mode `off`;
 * undefined when a person decided to go without.
 */
async function verifyCopy(
  run: Run,
  session: Session,
  mode: VerifyCopyInput['mode'],
  onDifference: OnFault,
): Promise<VerifyResult | undefined> {
  const { attachments } = session;
  const about = formatVolume(attachments.destination.volume);
  return overLostDevices(
    STALL_ATTEMPTS,
    (onLoss) => {
      const onFault = either(onLoss, onDifference);
      const step = { name: VERIFY, about, accepts, onFault };
      return forward(run, copySlotOf(run.host), step, (host) => {
        run.beginData();
        return steered(run, attachments.destination.owner, (control) =>
          host.verifyCopy({ ...dataInput(run, session), control, mode }),
        );
      });
    },
    (role) => attachForPlan(run, session, role),
  );
}

/** What the copy has come to. */
export type Copied = { copied: CopyResult; verified: VerifyResult };

const NOT_VERIFIED: VerifyResult = {
  ...{ mode: 'off', bytesCompared: 0, seconds: 0, bytesDigestedLate: 0, digestsRoot: '' },
};

/** How often chunks that do not hold what was written are copied again before a person is asked. */
const REPAIRS = 3;

/**
 * Copies and compares, and copies again what differs, until a person decides or nothing does.
 * @throws ReleaseRequested, HostLost with how far it came
 */
export async function copyAndVerify(run: Run, session: Session, mode: VerifyMode): Promise<Copied> {
  try {
    return await copyUntilEqual(run, session, mode);
  } catch (error) {
    const { from: progress } = session;
    if (error instanceof HostLost) error.copied = progress === undefined ? {} : { progress };
    throw error;
  }
}

async function copyUntilEqual(run: Run, session: Session, mode: VerifyMode): Promise<Copied> {
  run.enter('copying');
  let copied = await copyData(run, session);
  // Of engines that digest what they copy, the certificate has all digests: some may be on another host.
  const isDigested = session.plan.engine.value !== 'direct' || copied.digestsRoot !== '';
  if (mode === 'off' && isDigested) return { copied, verified: NOT_VERIFIED };
  const verified = await overDifferences(
    REPAIRS,
    (onDifference) => {
      run.enter('verifying');
      return verifyCopy(run, session, mode, onDifference).catch((error: unknown) => {
        if (error instanceof HostLost)
          session.from = unsettled(wholeProgress(session.plan, copied));
        throw error;
      });
    },
    async () => {
      run.enter('copying');
      copied = await copyData(run, session);
    },
  );
  if (verified !== undefined) return { copied, verified };
  const { because, reason } = run.desk.lastOf(VERIFY) as Taken;
  return { copied, verified: { ...NOT_VERIFIED, skipped: { reason, because } } };
}
