import { type Client, isGrpcServiceError, ServiceError } from '@temporalio/client';
import type { Attachment } from '../contract/attachment.ts';
import { DrayError } from '../contract/errors.ts';
import { releaseWorkflowId } from '../contract/ids.ts';
import type {
  FindLeaksInput,
  OwnerFacts,
  OwnerRef,
  Released,
  ReleaseState,
} from '../contract/leaks.ts';
import type { TimeLimits } from '../contract/limits.ts';
import { reasonOf } from '../system/config/temporal.ts';
import { lastHeartbeat, type RunRef } from './last-heartbeat.ts';
import { askOwner, askRelease, ownerLives, startRelease } from './owners.ts';

/** What these steps work with. */
export type LeaksContext = { client: Client; limits: TimeLimits };

/** What Temporal fails with goes away by itself: it has just started this step. */
async function asking<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ServiceError || isGrpcServiceError(error))) throw error;
    throw new DrayError('TemporalSilent', { because: reasonOf(error) }, { cause: error });
  }
}

/** In the order of the question. */
async function askEach<Q, A>(questions: Q[], ask: (question: Q) => Promise<A>): Promise<A[]> {
  const answers: A[] = [];
  for (const question of questions) answers.push(await asking(() => ask(question)));
  return answers;
}

/** The steps on `dray`: they ask Temporal, wherever a worker is. */
export function createLeaksActivities({ client, limits }: LeaksContext) {
  async function release(attachment: Attachment, decided: boolean): Promise<Released['outcome']> {
    // Asked anew right before: a reset may have brought it back since the look.
    if (await ownerLives(client, attachment.owner)) return 'owned';
    if (!decided && (await askRelease(client, attachment.id)) === 'held') return 'held';
    return (await startRelease(client, attachment, limits)) ? 'started' : 'running';
  }

  return {
    /** Whether this one is at work, which is all that a release needs to know. */
    isAtWork(owner: OwnerRef): Promise<boolean> {
      return asking(() => ownerLives(client, owner));
    },

    lastHeartbeat(run: RunRef): Promise<unknown> {
      return asking(() => lastHeartbeat(client, run));
    },

    askOwners(owners: OwnerRef[]): Promise<OwnerFacts[]> {
      return askEach(owners, (owner) => askOwner(client, owner));
    },

    askReleases(attachmentIds: string[]): Promise<ReleaseState[]> {
      return askEach(attachmentIds, (id) => askRelease(client, id));
    },

    /** A live owner wins: nothing of it is released. */
    startReleases(input: {
      orphans: Attachment[];
      release: FindLeaksInput['release'];
    }): Promise<Released[]> {
      return askEach(input.orphans, async (orphan) => {
        const outcome = await release(orphan, input.release === 'decided');
        return { workflowId: releaseWorkflowId(orphan.id), outcome };
      });
    },
  };
}

export type LeaksActivities = ReturnType<typeof createLeaksActivities>;
