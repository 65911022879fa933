import { ApplicationFailure, Context } from '@temporalio/activity';
import {
  type Client,
  type WorkflowExecutionDescription,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { describeError } from '../contract/errors.ts';
import type { CopyOutcome, FoundCopy, Watched, WatchInput } from '../contract/fleet.ts';
import { searchAttributes } from '../contract/search-attributes.ts';
import { WORKFLOWS } from '../contract/workflows.ts';
import { windowAt } from '../system/config/windows.ts';

/** As many are asked at a time. */
const AT_ONCE = 10;
/** What is watched is looked at so often, and more seldom the more there is. Unit: milliseconds. */
const LOOK_MILLISECONDS = 2_000;
const EACH_MILLISECONDS = 25;
/** Without news a watch ends after this, so that it is told of what began since. */
const WATCH_MILLISECONDS = 5 * 60_000;
/** An end that Temporal should have told by itself is told by the watch after this. */
const UNTOLD_MILLISECONDS = 20_000;

async function describe(
  client: Client,
  workflowId: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

const failed = (code: string, message: string): CopyOutcome => ({ state: 'failed', code, message });

/** Why a copy failed, from its result. */
async function failureOf(client: Client, workflowId: string, runId: string): Promise<CopyOutcome> {
  const handle = client.workflow.getHandle(workflowId, runId, { followRuns: false });
  try {
    await handle.result();
    return { state: 'done' };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    if (cause instanceof ApplicationFailure)
      return failed(cause.type ?? 'Unexpected', cause.message);
    return failed('Unexpected', cause?.message ?? error.message);
  }
}

/** Undefined while it is open. */
async function outcomeOf(
  client: Client,
  { workflowId, runId, status }: WorkflowExecutionDescription,
): Promise<CopyOutcome | undefined> {
  switch (status.name) {
    case 'RUNNING':
    case 'PAUSED':
      return undefined;
    case 'COMPLETED':
      return { state: 'done' };
    case 'CANCELLED':
      return { state: 'cancelled' };
    case 'TERMINATED': {
      const { code, message } = describeError('Terminated', {});
      return failed(code, message);
    }
    default:
      return failureOf(client, workflowId, runId);
  }
}

/** In the order of the questions, some of them at a time. */
async function askEach<Q, A>(questions: readonly Q[], ask: (question: Q) => Promise<A>) {
  const answers: A[] = [];
  for (let from = 0; from < questions.length; from += AT_ONCE) {
    answers.push(...(await Promise.all(questions.slice(from, from + AT_ONCE).map(ask))));
  }
  return answers;
}

export type CopiesToLookAt = {
  planId: string;
  madeAt: string;
  copies: { workflowId: string; destination: string }[];
};

type CopyToLookAt = CopiesToLookAt['copies'][number];

/** The steps of a fleet on `dray`: they ask Temporal, wherever a worker is. */
export function createFleetActivities(client: Client) {
  async function look(asked: CopiesToLookAt, copy: CopyToLookAt): Promise<FoundCopy> {
    const found = await describe(client, copy.workflowId);
    if (found === undefined) return { state: 'none' };
    const destination = found.typedSearchAttributes.get(searchAttributes.destination) ?? '';
    const outcome = await outcomeOf(client, found);
    if (outcome === undefined) return { state: 'running', destination };
    const isOfPlan = found.memo?.['fleetPlan'] === asked.planId;
    // By hand, since the plan was made: it is done, and what it wrote may be in use by now.
    const isDone = outcome.state === 'done' && found.startTime >= new Date(asked.madeAt);
    const ofPlan = destination === copy.destination && (isOfPlan || isDone);
    return { state: 'ended', ofPlan, outcome };
  }

  /** Of what its fleet has begun, as lists tell it: they need not be asked one by one. */
  async function listParked(fleet: string): Promise<string[]> {
    const query =
      `WorkflowType = "${WORKFLOWS.copyVolume}" AND ExecutionStatus = "Running" ` +
      `AND ${searchAttributes.fleet.name} = "${fleet}" ` +
      `AND ${searchAttributes.needsDecision.name} = true`;
    const parked: string[] = [];
    for await (const { workflowId } of client.workflow.list({ query })) parked.push(workflowId);
    return parked;
  }

  type Seen = { workflowId: string; outcome?: CopyOutcome; parked?: boolean };

  async function see({ workflowId, own }: WatchInput['copies'][number]): Promise<Seen> {
    const found = await describe(client, workflowId);
    if (found === undefined) {
      const { code, message } = describeError('WorkflowNotFound', { id: workflowId });
      return { workflowId, outcome: failed(code, message) };
    }
    const endedFor = Date.now() - (found.closeTime?.getTime() ?? Infinity);
    if (own && endedFor < UNTOLD_MILLISECONDS) return { workflowId };
    const outcome = await outcomeOf(client, found);
    if (outcome !== undefined) return { workflowId, outcome };
    const needsDecision = found.typedSearchAttributes.get(searchAttributes.needsDecision);
    return { workflowId, ...(own ? {} : { parked: needsDecision === true }) };
  }

  /** Own ones are seen one by one only now and then: they tell of their end by themselves. */
  async function lookOnce({ fleet, copies }: WatchInput, alsoOwn: boolean): Promise<Watched> {
    const asked = copies.filter(({ own }) => alsoOwn || !own);
    const [listed, seen] = await Promise.all([listParked(fleet), askEach(asked, see)]);
    const others = new Set(copies.flatMap(({ workflowId, own }) => (own ? [] : [workflowId])));
    return {
      ended: seen.flatMap(({ workflowId, outcome }) =>
        outcome === undefined ? [] : [[workflowId, outcome] as [string, CopyOutcome]],
      ),
      parked: [
        ...listed.filter((workflowId) => !others.has(workflowId)),
        ...seen.flatMap(({ workflowId, parked }) => (parked === true ? [workflowId] : [])),
      ],
    };
  }

  return {
    /** What there is of copies before they are begun; by id, since lists lag behind. */
    lookAtCopies(asked: CopiesToLookAt): Promise<FoundCopy[]> {
      return askEach(asked.copies, (copy) => look(asked, copy));
    },

    /** Returns once a copy has ended or parked, or goes on after that; else after some minutes. */
    async watchCopies(input: WatchInput): Promise<Watched> {
      const context = Context.current();
      const known = new Set(input.parked);
      const until = Date.now() + WATCH_MILLISECONDS;
      const everyMs = Math.max(LOOK_MILLISECONDS, EACH_MILLISECONDS * input.copies.length);
      for (let look = 1; ; look += 1) {
        await context.sleep(everyMs);
        const watched = await lookOnce(input, look % 10 === 0);
        const isNews =
          watched.ended.length > 0 ||
          watched.parked.length !== known.size ||
          watched.parked.some((workflowId) => !known.has(workflowId));
        if (isNews || Date.now() > until) return watched;
      }
    },

    windowAt: (asked: Parameters<typeof windowAt>[0]) => Promise.resolve(windowAt(asked)),
  };
}

export type FleetActivities = ReturnType<typeof createFleetActivities>;
