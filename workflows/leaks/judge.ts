import type { Attachment } from '../../contract/attachment.ts';
import { parseAttachmentId, releaseWorkflowId, verifyWorkflowId } from '../../contract/ids.ts';
import type {
  Acquisition,
  AcquisitionState,
  OwnerFacts,
  OwnerRef,
  ReleaseState,
} from '../../contract/leaks.ts';
import { hostQueue } from '../../contract/queues.ts';
import { formatVolume } from '../../contract/volume.ts';
import type { Belonging } from './belongings.ts';

/** What Temporal was asked. */
export type Answers = {
  /** Where the owners were looked for. */
  namespace: string;
  ownerIs: (owner: OwnerRef) => OwnerFacts;
  releaseIs: (attachmentId: string) => ReleaseState;
};

/** A sighting with its state; `orphan` is what `release/…` needs to take it back. */
export type Judged = { belonging: Belonging; acquisition: Acquisition; orphan?: Attachment };

type Judgement = { state: AcquisitionState; because: string; orphan?: Attachment };

/** Host of a place; undefined for a backend. */
const hostIn = (place: string): string | undefined =>
  place.startsWith(hostQueue('')) ? place.slice(hostQueue('').length) : undefined;

/**
 * The attachment of something that is written down nowhere any more, from what its owner was started
 * with. Nothing is guessed: undefined, or why, where that does not name it.
 */
function rebuild(
  { place, sighting, attachmentId = '' }: Belonging,
  { input }: OwnerFacts,
  namespace: string,
): Attachment | string {
  const parsed = parseAttachmentId(attachmentId);
  if (parsed === undefined || input === undefined)
    return 'its workflow no longer tells its volumes';
  const { role, move, owner } = parsed;
  const volume = input[role];
  if (volume === undefined) return `its workflow has no ${role}`;
  const found = sighting.volume ?? volume;
  if (formatVolume(found) !== formatVolume(volume)) {
    return `it is of ${formatVolume(found)}, its workflow's ${role} is ${formatVolume(volume)}`;
  }
  // A copy that moved had later attachments elsewhere.
  const hostId = hostIn(place) ?? (move === 0 ? input.host : undefined);
  if (hostId === undefined) return 'nothing tells on which host it was attached';
  const reads = role === 'source' || owner.workflowId === verifyWorkflowId(volume);
  const { destination } = input;
  const full = { namespace, ...owner, hostId, destination };
  return { id: attachmentId, volume, role, accessMode: reads ? 'ro' : 'rw', owner: full };
}

function judgeOrphan(belonging: Belonging, owner: OwnerRef, answers: Answers): Judgement {
  const { record } = belonging;
  const { workflowId } = owner;
  const facts = answers.ownerIs(owner);
  const isGone = facts.state === 'gone';
  const ended = isGone ? `Temporal knows no such ${workflowId}` : `${workflowId} has ended`;
  if (record !== undefined) return { state: 'orphan', because: ended, orphan: record };
  const nowhere = 'no claim and no reservation names it';
  if (isGone) return { state: 'unknown', because: `${nowhere}, and ${ended}` };
  const rebuilt = rebuild(belonging, facts, answers.namespace);
  return typeof rebuilt === 'string'
    ? { state: 'unknown', because: `${nowhere}; ${ended}, but ${rebuilt}` }
    : { state: 'orphan', because: `${ended}, and ${nowhere}`, orphan: rebuilt };
}

function judgement(belonging: Belonging, answers: Answers): Judgement {
  const { sighting, attachmentId, owner, record } = belonging;
  if (sighting.verdict !== undefined) return sighting.verdict;
  if (attachmentId === undefined) {
    return { state: 'unknown', because: 'nothing tells which attachment it is of' };
  }
  if (owner === undefined) {
    return { state: 'unknown', because: `"${attachmentId}" names no workflow` };
  }
  if (record !== undefined && record.owner.namespace !== answers.namespace) {
    const because = `${owner.workflowId} is of namespace ${record.owner.namespace}`;
    return { state: 'foreign', because };
  }
  if (answers.ownerIs(owner).state === 'open') {
    return { state: 'live', because: `${owner.workflowId} is at work` };
  }
  const release = answers.releaseIs(attachmentId);
  if (release === 'open') {
    return { state: 'live', because: `${releaseWorkflowId(attachmentId)} takes it back` };
  }
  const judged = judgeOrphan(belonging, owner, answers);
  if (judged.state !== 'orphan' || release !== 'held') return judged;
  return { ...judged, because: `${judged.because}; a person decided to leave it held` };
}

/** Compares what was found with what runs. */
export function judge(belonging: Belonging, answers: Answers): Judged {
  const { sighting, place, attachmentId, owner } = belonging;
  const { state, because, orphan } = judgement(belonging, answers);
  const { kind, identity, look } = sighting;
  const volume = orphan?.volume ?? belonging.record?.volume ?? sighting.volume;
  return {
    belonging,
    acquisition: {
      ...{ state, kind, identity, place, because, look },
      ...(attachmentId === undefined ? {} : { attachmentId }),
      ...(volume === undefined ? {} : { volume }),
      ...(owner === undefined ? {} : { owner: owner.workflowId }),
      ...(orphan === undefined ? {} : { release: releaseWorkflowId(orphan.id) }),
    },
    ...(orphan === undefined ? {} : { orphan }),
  };
}
