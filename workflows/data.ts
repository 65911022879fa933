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
import { copyIdOf } from '../contract/ids.ts';
import { STALL_ATTEMPTS } from '../contract/limits.ts';
import type { DecisionKind } from '../contract/messages.ts';
import { formatVolume, type Role } from '../contract/volume.ts';
import type { Fault } from './faults.ts';
import { attachAnew, endsOf, type HostVolumes } from './host-volumes.ts';
import { type OnFault, overDifferences, overLostDevices } from './losses.ts';
import { copySlotOf } from './places.ts';
import type { Run } from './run.ts';
import { steered } from './steer.ts';
import { forward, required } from './steps.ts';

/** Both volumes on one host, and what is to be done between them. */
export type Session = HostVolumes<Role> & {
  plan: CopyPlan;
  /** How far it had come when it was paused. */
  from?: CopyProgress;
};

/**
 * As attachAnew. A volume that was free meanwhile may hold other data: zeros of the source that are
 * left out would then show what an earlier attempt or another copy has written there.
 */
async function attachForPlan(run: Run, session: Session, role: Role): Promise<void> {
  const attachment = session.attachments[role];
  const before = attachment.exported?.reservation;
  await attachAnew(run, session, role);
  const isSame = attachment.exported?.reservation === before;
  if (session.plan.zeros.value !== 'skip' || isSame) return;
  const zeros = { value: 'write' as const, because: `the ${role} was released meanwhile` };
  session.plan = { ...session.plan, zeros };
}

type DataInput = Omit<CopyDataInput, 'control' | 'from'>;

function dataInput(run: Run, { plan, attached, attachments }: Session): DataInput {
  const copyId = copyIdOf(attachments.destination.owner);
  return { copyId, plan, ends: endsOf(attached), attachments, limits: run.limits };
}

/** The host's checkpoint bounds the attempts, so that losses are not counted here. */
async function copyStep(run: Run, session: Session): Promise<CopyResult | PausedCopy> {
  const { attachments, from } = session;
  const { owner } = attachments.destination;
  const [source, destination] = [attachments.source.volume, attachments.destination.volume];
  const about = `${formatVolume(source)} to ${formatVolume(destination)}`;
  return overLostDevices(
    Infinity,
    (onFault) =>
      required(run, copySlotOf(run.host), { name: 'copyData', about, onFault }, (host) =>
        steered(run, owner, (control) =>
          host.copyData({
            ...dataInput(run, session),
            control,
            ...(from === undefined ? {} : { from }),
          }),
        ),
      ),
    (role) => attachForPlan(run, session, role),
  );
}

/** A copy whose host was let go: both volumes are still reserved for it. */
export type Released = { from: CopyProgress; attachments: Record<Role, Attachment> };

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
    settled: { seconds, bytesCopiedAgain, bytesRepaired, touched: all },
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

/** Nobody is given a destination as done that is known to hold something else. */
const accepts = ({ code }: Fault): DecisionKind[] =>
  ['VerifyFailed', 'EndsDiffer'].includes(code)
    ? ['retry', 'roll-back', 'move']
    : ['retry', 'skip', 'roll-back', 'move'];

/** Compares the volumes as `mode` says; undefined when a person decided to go without. */
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
      const onFault: OnFault = (fault) => {
        const outcome = onLoss(fault);
        return outcome === 'park' ? onDifference(fault) : outcome;
      };
      const step = { name: 'verifyCopy', about, accepts, onFault };
      return forward(run, copySlotOf(run.host), step, (host) =>
        host.verifyCopy({ ...dataInput(run, session), mode }),
      );
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

/** Copies and compares, and copies again what differs, until a person decides or nothing does. */
export async function copyAndVerify(run: Run, session: Session, mode: VerifyMode): Promise<Copied> {
  run.enter('copying');
  let copied = await copyData(run, session);
  if (mode === 'off') return { copied, verified: NOT_VERIFIED };
  const verified = await overDifferences(
    REPAIRS,
    (onDifference) => {
      run.enter('verifying');
      return verifyCopy(run, session, mode, onDifference);
    },
    async () => {
      run.enter('copying');
      copied = await copyData(run, session);
    },
  );
  return { copied, verified: verified ?? NOT_VERIFIED };
}
